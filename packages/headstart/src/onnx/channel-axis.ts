import { constantIntegers, constantTensors } from "./constant-values.js";
import { type Graph, intAttribute, intsAttribute, type Node } from "./graph.js";

/** Operators on `[N, C, ...]`. */
const CHANNELS_FIRST = new Set([
  "AveragePool",
  "BatchNormalization",
  "Conv",
  "ConvTranspose",
  "GlobalAveragePool",
  "GlobalMaxPool",
  "InstanceNormalization",
  "MaxPool",
]);

/** Operators that leave dimensions where they are. */
const IN_PLACE = new Set([
  "Add",
  "Cast",
  "Clip",
  "DequantizeLinear",
  "Div",
  "Dropout",
  "Elu",
  "Erf",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "Mish",
  "Mul",
  "QuantizeLinear",
  "Relu",
  "Sigmoid",
  "Sub",
  "Tanh",
]);

/** Nodes that are looked at in either direction. */
const FURTHEST = 24;

/**
 * Which dimension of a value holds its channels: 1 in `[N, C, H, W]`, the last in `[N, H, W, C]` and `[N, T, C]`. It is told from the operators
 * that read the value and those that make it.
 *
 * @param graph - the whole network
 * @param tensor - the value
 * @param rank - its number of dimensions, at least 3
 * @returns the dimension, or undefined where the operators do not tell
 */
export function channelAxis(graph: Graph, tensor: string, rank: number): number | undefined {
  const last = rank - 1;
  const tensors = constantTensors(graph);
  const makers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) makers.set(name, node);
    for (const name of node.inputs) readers.set(name, [...(readers.get(name)?.slice(0, 7) ?? []), node]);
  }
  const axes = (node: Node) =>
    constantIntegers(tensors.get(node.inputs[1] ?? "")) ?? intsAttribute(node, "axes");

  const toldBy = (node: Node, reads: boolean): number | undefined => {
    if (node.domain !== "") return undefined;
    if (CHANNELS_FIRST.has(node.op)) return 1;
    if (node.op === "MatMul" || node.op === "LayerNormalization") {
      const from = intAttribute(node, "axis", -1);
      return from === -1 || from === last ? last : undefined;
    }
    if (node.op === "ReduceMean" && reads) {
      const reduced = axes(node)?.map((axis) => (axis < 0 ? axis + rank : axis));
      if (reduced === undefined || reduced.length !== rank - 2) return undefined;
      return [1, last].find((axis) => !reduced.includes(axis));
    }
    return undefined;
  };
  // Through a transposition the channels stand elsewhere.
  const moved = (node: Node, axis: number, reads: boolean): number | undefined => {
    const perm = intsAttribute(node, "perm");
    if (node.op !== "Transpose" || perm?.length !== rank) return undefined;
    return reads ? perm[axis] : perm.indexOf(axis);
  };

  const seen = new Set<string>();
  const search = (name: string, reads: boolean, left: number): number | undefined => {
    const place = `${reads} ${name}`;
    if (left === 0 || seen.has(place)) return undefined;
    seen.add(place);
    const maker = makers.get(name);
    const nodes = reads ? (readers.get(name) ?? []) : maker === undefined ? [] : [maker];
    for (const node of nodes) {
      const told = toldBy(node, reads);
      if (told !== undefined) return told;
      const next = (reads ? node.outputs[0] : node.inputs[0]) ?? "";
      if (IN_PLACE.has(node.op)) {
        const found = search(next, reads, left - 1);
        if (found !== undefined) return found;
      } else if (node.op === "Transpose") {
        const found = search(next, reads, left - 1);
        return found === undefined ? undefined : moved(node, found, reads);
      }
    }
    return undefined;
  };
  return search(tensor, true, FURTHEST) ?? search(tensor, false, FURTHEST);
}
