import { GraphBuilder } from "./builder.js";
import { floatAttribute, type Graph, intAttribute, type Node } from "./graph.js";
import { readersOf } from "./readers.js";
import { inferShapes } from "./shapes/infer.js";
import { float32, floats } from "./tensor.js";

/**
 * Turns batch normalisation in inference form behind `Conv`, `ConvTranspose` or `Gemm` into arithmetic on the filter and the bias: with
 * s = scale / sqrt(variance + epsilon), the filter becomes W s and the bias (b - mean) s + shift (Jacob et al., Quantization and training of
 * neural networks, 2018, section 3.2). The same function, but scale, shift and filter may be anything that the graph computes or is given:
 * their gradients then come from those of the filter and the bias, which are small beside images, and nothing of an image's size is kept or
 * computed for the normalisation.
 *
 * Only where mean and variance are float32 constants and nothing else reads what is normalised. Where all is constant,
 * {@link foldBatchNormalization} does this before the graph runs.
 */
export function foldNormalisation(graph: Graph): Graph {
  const { values } = inferShapes(graph);
  const makers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  const readers = readersOf(graph);
  const layers = new Map<Node, Layer>();
  const replaced = new Set<Node>();
  for (const norm of graph.nodes) {
    const [x = "", , , mean = "", variance = ""] = norm.inputs;
    const node = makers.get(x);
    if (!node || !isInference(norm) || readers.count(x) !== 1 || replaced.has(node)) continue;
    const [means, variances] = [mean, variance].map((name) => graph.initializers.get(name));
    if (means?.type !== "float32" || variances?.type !== "float32") continue;
    const axis = outputAxis(node);
    const [, filter = "", bias = ""] = node.inputs;
    const rank = values.get(filter)?.shape?.length;
    const perOutput = bias === "" || values.get(bias)?.shape?.length === 1;
    if (axis === undefined || rank === undefined || !perOutput) continue;
    layers.set(norm, { node, axis, rank, means: floats(means), variances: floats(variances) });
    replaced.add(node);
  }
  if (layers.size === 0) return graph;
  const b = GraphBuilder.from({ ...graph, nodes: [] });
  for (const { outputs } of graph.nodes) for (const output of outputs) b.unique(output);
  for (const node of graph.nodes) {
    const layer = layers.get(node);
    if (layer) b.copy(folded(b, graph, node, layer));
    else if (!replaced.has(node)) b.copy(node);
  }
  return b.build();
}

/** A layer whose outputs are normalised. */
interface Layer {
  readonly node: Node;
  /** The axis of its filter, of `rank`, along which its outputs lie. */
  readonly axis: number;
  readonly rank: number;
  readonly means: Float32Array;
  readonly variances: Float32Array;
}

/** Adds what makes the filter and the bias, and returns the layer with these. */
function folded(b: GraphBuilder, graph: Graph, norm: Node, layer: Layer): Node {
  const { node, axis, rank, means, variances } = layer;
  const [, scale = "", shift = ""] = norm.inputs;
  const [x = "", filter = "", bias = ""] = node.inputs;
  const epsilon = floatAttribute(norm, "epsilon", 1e-5);
  const channels = means.length;
  const tensor = graph.initializers.get(scale);
  const known = tensor?.type === "float32" ? floats(tensor) : undefined;
  const factors = Float32Array.from(
    variances,
    (variance, i) => (known?.[i] ?? 1) / Math.sqrt(variance + epsilon),
  );
  const factor = b.constant(`${node.name}.slope`, float32([channels], factors));
  const slope = known ? factor : b.node("Mul", [scale, factor]);
  const dims = Array.from({ length: rank }, (_, i) => (i === axis ? channels : 1));
  const scaled = b.node("Mul", [filter, b.node("Reshape", [slope, b.integers(dims)])]);
  const below = b.constant(
    `${node.name}.below`,
    float32(
      [channels],
      means.map((mean) => -mean),
    ),
  );
  const centred = bias === "" ? below : b.node("Add", [bias, below]);
  // Without a bias and with means of 0, as in a network that never met a photo, only the shift is left.
  const moved =
    bias === "" && means.every((mean) => mean === 0)
      ? shift
      : b.node("Add", [b.node("Mul", [centred, slope]), shift]);
  return { ...node, inputs: [x, scaled, moved], outputs: [norm.outputs[0] ?? ""] };
}

function isInference(node: Node): boolean {
  if (node.op !== "BatchNormalization" || node.domain !== "") return false;
  if (intAttribute(node, "training_mode", 0) !== 0 || intAttribute(node, "spatial", 1) !== 1) return false;
  return node.outputs.slice(1).every((name) => name === "");
}

/** The axis of a layer's filter along which its outputs lie; undefined for a node whose outputs no filter scales one by one. */
function outputAxis(node: Node): number | undefined {
  if (node.domain !== "") return undefined;
  if (node.op === "Conv") return 0;
  if (node.op === "ConvTranspose") return intAttribute(node, "group", 1) === 1 ? 1 : undefined;
  if (node.op !== "Gemm") return undefined;
  const plain = floatAttribute(node, "alpha", 1) === 1 && floatAttribute(node, "beta", 1) === 1;
  if (!plain) return undefined;
  return intAttribute(node, "transB", 0) === 1 ? 0 : 1;
}
