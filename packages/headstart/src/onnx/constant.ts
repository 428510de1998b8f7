import type { Node } from "./graph.js";
import { float32, int64, type Tensor } from "./tensor.js";

/** What a `Constant` node holds, where that is a tensor. */
export function constantOf(node: Node): Tensor | undefined {
  if (node.op !== "Constant" || node.domain !== "" || node.outputs.length !== 1 || node.outputs[0] === "")
    return undefined;
  const [first] = node.attributes;
  if (first === undefined || node.attributes.size !== 1) return undefined;
  const [name, attribute] = first;
  if (name === "value" && attribute.kind === "tensor") return attribute.value;
  if (name === "value_float" && attribute.kind === "float") return float32([], [attribute.value]);
  if (name === "value_floats" && attribute.kind === "floats")
    return float32([attribute.value.length], attribute.value);
  if (name === "value_int" && attribute.kind === "int") return int64([], [attribute.value]);
  if (name === "value_ints" && attribute.kind === "ints")
    return int64([attribute.value.length], attribute.value);
  return undefined;
}
