import { reads } from "../captures.js";
import { floatAttribute, type Graph, intAttribute, type Node } from "../graph.js";
import { Names } from "../names.js";
import { prune } from "../prune.js";
import { elementCount, float32, floats, type Tensor } from "../tensor.js";

/**
 * Puts batch normalisation into the weights of the convolution or `Gemm` before it: `scale / sqrt(variance + epsilon)` into the weights, the
 * rest into the bias. Only where the normalisation is in inference form, all its parameters and the weights are float32 constants, and
 * nothing else reads what the convolution makes. Weights behind a `Cast` are constants after {@link foldConstants}.
 */
export function foldBatchNormalization(graph: Graph): Graph {
  const makers = new Map<string, Node>();
  const readers = new Map<string, number>();
  for (const { name } of graph.outputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  const taken = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      makers.set(output, node);
      taken.add(output);
    }
    for (const name of reads(node)) readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const initializers = new Map(graph.initializers);
  const names = new Names(taken);
  const add = (wanted: string, tensor: Tensor): string => {
    const name = names.unique(wanted);
    initializers.set(name, tensor);
    return name;
  };
  const replaced = new Map<Node, Node | undefined>();
  for (const node of graph.nodes) {
    if (node.op !== "BatchNormalization" || node.domain !== "") continue;
    const [x = "", ...parameters] = node.inputs;
    const before = makers.get(x);
    const weights = before && weightsOf(before, graph);
    const norm = normalisationOf(node, parameters, graph);
    if (before === undefined || weights === undefined || norm === undefined || readers.get(x) !== 1) continue;
    if (weights.outputs !== norm.factors.length || replaced.has(before)) continue;
    const weight = add(`${before.inputs[1]}.folded`, scaled(weights, norm.factors));
    const bias = add(`${before.inputs[1]}.folded.bias`, shifted(weights, norm));
    replaced.set(before, {
      ...before,
      inputs: [before.inputs[0] ?? "", weight, bias],
      outputs: [node.outputs[0] ?? ""],
    });
    replaced.set(node, undefined);
  }
  if (replaced.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : node));
  return prune({ ...graph, nodes, initializers }, undefined, { keepInputs: true });
}

/** The constants of a layer whose outputs can be scaled. */
interface Weights {
  readonly tensor: Tensor;
  readonly bias: Float32Array | undefined;
  /** Number of outputs, and for each weight the output it belongs to: `floor(i / inner) % outputs`. */
  readonly outputs: number;
  readonly inner: number;
}

function weightsOf(node: Node, graph: Graph): Weights | undefined {
  const constant = (input: number): Tensor | undefined => {
    const tensor = graph.initializers.get(node.inputs[input] ?? "");
    return tensor?.type === "float32" ? tensor : undefined;
  };
  const tensor = constant(1);
  const hasBias = (node.inputs[2] ?? "") !== "";
  const bias = hasBias ? constant(2) : undefined;
  if (node.domain !== "" || tensor === undefined || (hasBias && bias === undefined)) return undefined;
  const [rows = 0, columns = 0] = tensor.dims;
  if (node.op === "Conv") {
    if (tensor.dims.length < 3) return undefined;
    return { tensor, bias: bias && floats(bias), outputs: rows, inner: elementCount(tensor.dims.slice(1)) };
  }
  const plain = floatAttribute(node, "alpha", 1) === 1 && floatAttribute(node, "beta", 1) === 1;
  if (node.op !== "Gemm" || !plain || tensor.dims.length !== 2) return undefined;
  const transposed = intAttribute(node, "transB", 0) === 1;
  const outputs = transposed ? rows : columns;
  if (bias !== undefined && (bias.dims.length !== 1 || bias.dims[0] !== outputs)) return undefined;
  return { tensor, bias: bias && floats(bias), outputs, inner: transposed ? columns : 1 };
}

/** A normalisation as a factor and a shift for each channel: `factor * x + shift`. */
interface Normalisation {
  readonly factors: Float64Array;
  readonly means: Float32Array;
  readonly offsets: Float32Array;
}

function normalisationOf(node: Node, names: readonly string[], graph: Graph): Normalisation | undefined {
  if (intAttribute(node, "training_mode", 0) !== 0 || intAttribute(node, "spatial", 1) !== 1)
    return undefined;
  if (node.outputs.slice(1).some((name) => name !== "")) return undefined;
  const [scale, offset, mean, variance] = names.map((name) => {
    const tensor = graph.initializers.get(name);
    return tensor?.type === "float32" && tensor.dims.length === 1 ? floats(tensor) : undefined;
  });
  if (scale === undefined || offset === undefined || mean === undefined || variance === undefined)
    return undefined;
  if ([offset, mean, variance].some(({ length }) => length !== scale.length)) return undefined;
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const factors = Float64Array.from(scale, (value, i) => value / Math.sqrt((variance[i] ?? 0) + epsilon));
  return factors.every(Number.isFinite) ? { factors, means: mean, offsets: offset } : undefined;
}

function scaled({ tensor, outputs, inner }: Weights, factors: Float64Array): Tensor {
  const values = floats(tensor).map((value, i) => value * (factors[Math.floor(i / inner) % outputs] ?? 1));
  return float32(tensor.dims, values);
}

function shifted({ bias }: Weights, { factors, means, offsets }: Normalisation): Tensor {
  const values = Float32Array.from(
    factors,
    (factor, i) => ((bias?.[i] ?? 0) - (means[i] ?? 0)) * factor + (offsets[i] ?? 0),
  );
  return float32([values.length], values);
}
