import { renameNode } from "../../onnx/captures.js";
import { constantOf } from "../../onnx/constant.js";
import { evaluate } from "../../onnx/fold/constants.js";
import {
  elementCount,
  elementTypeCode,
  type Graph,
  inferShapes,
  type Node,
  prune,
  reads,
  type Tensor,
} from "../../onnx/index.js";
import { inInferenceForm } from "./inference-form.js";
import { isCopy, single } from "./single.js";
import { isUniform, unshared } from "./unshared.js";

/** Operators that carry a weight to the layer that uses it: the weight they are given trains, not what they make of it. */
const CARRIERS = new Set([
  // Of constants, it standardises weights.
  "BatchNormalization",
  "Concat",
  "Expand",
  "Flatten",
  "Gather",
  "Reshape",
  "Resize",
  "Slice",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/**
 * The inputs of a node through which it carries weights to a layer: all of a `Concat`, the first of others; none if its operator carries no
 * weights.
 */
export function carried(node: Node): readonly string[] {
  if (node.domain !== "" || !CARRIERS.has(node.op)) return [];
  return node.op === "Concat" ? node.inputs : node.inputs.slice(0, 1);
}

/**
 * A network whose weights stand where they can be trained: as float32 initializers that layers read directly or through operators that
 * only carry them, such as `Transpose`. Weights in another precision become float32 under the name of what their first `Cast` makes;
 * copies of weights are left out; constants of `Constant` nodes become initializers under the names of their values; what else is
 * computed from constants alone is computed here. Normalisations by batch are in inference form.
 *
 * @param graph - a network that computes in float32, as `toFloat32` leaves it
 */
export function standardForm(graph: Graph): Graph {
  const given = unshared(inInferenceForm(graph));
  const outputs = new Set(given.outputs.map(({ name }) => name));
  const constants = new Map(given.initializers);
  /** Values that are constants, or made of constants by operators that carry weights. */
  const fixed = new Set(constants.keys());
  /** What stands in the place of values that are left out. */
  const replaced = new Map<string, string>();
  const nodes: Node[] = [];
  const { values: known } = inferShapes(given);
  for (const one of given.nodes) {
    const node = renameNode(asCast(one, known), (name) => replaced.get(name) ?? name);
    const [output = ""] = node.outputs;
    const [first = ""] = node.inputs;
    const isConstant = reads(node).every((name) => fixed.has(name));
    if (!isConstant || node.domain !== "" || outputs.has(output)) {
      nodes.push(node);
      continue;
    }
    for (const name of node.outputs) fixed.add(name);
    const isWeight = (name: string) => mayBeWeight(constants.get(name));
    if (isCopy(node) && isWeight(first)) {
      const weight = constants.get(first);
      if (weight === undefined || weight.type === "float32") replaced.set(output, first);
      else {
        constants.set(output, single(weight));
        // Other casts of the same weight make the same.
        replaced.set(first, output);
      }
      continue;
    }
    const made = carried(node).some(isWeight) ? undefined : computed(node, constants);
    if (made === undefined) nodes.push(node);
    else constants.set(output, made);
  }
  const values = new Map([...given.values].filter(([name]) => !replaced.has(name)));
  return prune({ ...given, nodes, initializers: constants, values }, undefined, { keepInputs: true });
}

/** A `CastLike` as the `Cast` that it comes to: of what it is given, the second input's type alone counts. */
function asCast(node: Node, values: Graph["values"]): Node {
  const [x = "", like = ""] = node.inputs;
  const type = values.get(like)?.type;
  if (node.op !== "CastLike" || node.domain !== "" || type === undefined) return node;
  const { source: _, ...rest } = node;
  return {
    ...rest,
    op: "Cast",
    inputs: [x],
    attributes: new Map([["to", { kind: "int", value: elementTypeCode(type) }]]),
  };
}

/** Whether a constant may be a weight or several: floating-point numbers, or what operators made that carry weights. */
function mayBeWeight(tensor: Tensor | undefined): boolean {
  return tensor === undefined || (elementCount(tensor.dims) > 1 && tensor.type.includes("float"));
}

/**
 * What a node makes of constants; undefined if it cannot be computed here. What is one number in all places stays a node too, for it is no
 * weight (exporters write such factors and offsets for layers that have none), and so does what is part of a quantised network.
 */
function computed(node: Node, constants: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const constant = constantOf(node);
  if (constant !== undefined) return isUniform(constant) ? undefined : constant;
  if (node.op === "DequantizeLinear") return undefined;
  if (node.op === "Expand" && constants.get(node.inputs[0] ?? "")?.type === "float32") return undefined;
  const sizes = node.inputs.map((name) => elementCount(constants.get(name)?.dims ?? []));
  return evaluate(node, constants, Math.max(2 ** 16, ...sizes));
}
