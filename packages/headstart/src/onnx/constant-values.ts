import { reads } from "./captures.js";
import { constantOf } from "./constant.js";
import type { Graph } from "./graph.js";
import { integers, type Tensor } from "./tensor.js";

/**
 * Names of all values that do not depend on any input: initializers, `Constant` nodes, and what other nodes make of these alone, such as
 * weights behind `Cast`, `Transpose`, `DequantizeLinear` and `Identity`.
 */
export function constantValues(graph: Graph): Set<string> {
  const constants = new Set(graph.initializers.keys());
  for (const node of graph.nodes) {
    const read = reads(node);
    const constant = read.length > 0 ? read.every((name) => constants.has(name)) : node.op === "Constant";
    if (constant) for (const output of node.outputs) if (output !== "") constants.add(output);
  }
  return constants;
}

/** Every constant tensor of a graph by the name of its value: initializers, and what stands in `Constant` nodes. */
export function constantTensors(graph: Graph): ReadonlyMap<string, Tensor> {
  const tensors = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const tensor = constantOf(node);
    if (tensor !== undefined) tensors.set(node.outputs[0] ?? "", tensor);
  }
  return tensors;
}

/** Whole numbers of a constant, or undefined where it is absent or of another type. */
export function constantIntegers(tensor: Tensor | undefined): readonly number[] | undefined {
  return tensor?.type === "int64" || tensor?.type === "int32" ? integers(tensor) : undefined;
}
