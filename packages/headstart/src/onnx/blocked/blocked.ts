import { reads } from "../captures.js";
import { constantValues } from "../constant-values.js";
import type { Graph, Node } from "../graph.js";
import { intAttribute } from "../graph.js";
import { inferShapes } from "../shapes/infer.js";
import { fuse, isSame } from "./fusion.js";
import {
  convolutionLayer,
  imageShape,
  type Layer,
  type TransposedLayer,
  transposedLayer,
  type Values,
} from "./layer.js";
import { BlockedWriter } from "./writer.js";

/**
 * Operators that work element by element and make no more than finite numbers of zeros, which stand in channels that were added to fill
 * a block.
 */
const ELEMENTWISE = new Set([
  "Add",
  "Clip",
  "HardSigmoid",
  "Identity",
  "Max",
  "Min",
  "Mul",
  "Neg",
  "Relu",
  "Sigmoid",
  "Sub",
  "Sum",
  "Tanh",
]);

/**
 * Puts convolutions whose filters are computed or given at run time into the layout in which ONNX Runtime's processor code is fastest: images as
 * `[N, C / block, H, W, block]`. ONNX Runtime does so itself only for filters that are constants. What lies between convolutions
 * (additions, activations, masks, pooling) stays in that layout, and additions and activations become part of the convolution before them.
 *
 * The result has operators of the domain `com.microsoft.nchwc` and is for one kind of processor: it is for a session that is about to
 * run and not for a file.
 *
 * @param graph - any graph; what it computes stays the same, up to rounding
 * @param block - how many channels are in a block on this processor: 16 or 8
 */
export function toBlocked(graph: Graph, block: number): Graph {
  const { values } = inferShapes(graph);
  const known = { values, constants: constantValues(graph), block };
  const layers = new Map<Node, Layer>();
  const transposed = new Map<Node, TransposedLayer>();
  for (const node of graph.nodes) {
    const layer = convolutionLayer(node, known);
    if (layer) layers.set(node, layer);
    const other = transposedLayer(node, known);
    if (other) transposed.set(node, other);
  }
  const { last, absorbed } = fuse(graph, layers, values);
  const writer = new BlockedWriter(graph, values, block);
  for (const node of graph.nodes) {
    const fused = last.get(node);
    const spread = transposed.get(node);
    if (absorbed.has(node)) continue;
    if (fused) writer.convolution(fused);
    else if (spread) writer.transposed(spread);
    else if (isAlike(node, values, writer, block)) writer.alike(node);
    else if (isPooling(node, values, writer)) writer.pooling(node);
    else writer.copy(node, reads(node));
  }
  return writer.build();
}

/** Whether a node does the same in either layout, and most of what it reads is there in blocks. */
function isAlike(node: Node, values: Values, writer: BlockedWriter, block: number): boolean {
  if (node.domain !== "" || node.outputs.length !== 1) return false;
  const whole = imageShape(values, node.outputs[0] ?? "");
  if (!whole) return false;
  const images = node.inputs.filter((input) => imageShape(values, input));
  const there = images.filter((input) => writer.has(input));
  if (there.length === 0 || 2 * there.length < images.length) return false;
  if (node.op === "Concat" && intAttribute(node, "axis", 0) === 1)
    return (
      images.length === node.inputs.length &&
      images.every((input) => (imageShape(values, input)?.[1] ?? 1) % block === 0)
    );
  if (!ELEMENTWISE.has(node.op)) return false;
  return node.inputs.every((input) => {
    const image = imageShape(values, input);
    return image ? isSame(image, whole) : input === "" || isScalar(values, input);
  });
}

function isScalar(values: Values, value: string): boolean {
  return values.get(value)?.shape?.every((dim) => dim === 1) ?? false;
}

function isPooling(node: Node, values: Values, writer: BlockedWriter): boolean {
  if (node.domain !== "" || node.outputs.length !== 1) return false;
  if (!["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"].includes(node.op)) return false;
  const [input = ""] = node.inputs;
  return imageShape(values, input) !== undefined && writer.has(input);
}
