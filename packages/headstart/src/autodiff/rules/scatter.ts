import { intAttribute, stringAttribute } from "../../onnx/index.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** Zeros of the shape of a value of the graph. */
function zeros({ b, dims, scalar }: GradientContext, like: string): string {
  return b.node("Expand", [scalar(0), dims(like)]);
}

/**
 * The rule of an operator that puts elements into a copy of x. What was overwritten has no part in the result; what was added to has.
 * The gradient of what was put stands where it was put; if two were put at one place, which ONNX does not define, each gets it.
 *
 * @param taken - the operator that takes elements from such places
 */
function put(taken: string): GradientRule {
  return (g, _, indices, updates) => {
    const { b, node, dY } = g;
    const reduction = stringAttribute(node, "reduction", "none");
    if (reduction !== "none" && reduction !== "add") throw g.unsupported(`whose reduction is ${reduction}`);
    const axis = node.op === "ScatterND" ? {} : { axis: intAttribute(node, "axis", 0) };
    return [
      () => (reduction === "add" ? dY : b.node(node.op, [dY, indices ?? "", zeros(g, updates ?? "")], axis)),
      undefined,
      () => b.node(taken, [dY, indices ?? ""], axis),
    ];
  };
}

/** Operators that take elements from places that an input names, or put them there. */
export const scatter: GradientRules = {
  /** Zeros, to which the gradients are added where their elements came from. */
  GatherND: (g, x, indices) => [
    () => {
      const { b, dY, node } = g;
      if (intAttribute(node, "batch_dims", 0) !== 0) throw g.unsupported("which has batch dimensions");
      return b.node("ScatterND", [zeros(g, x), indices, dY], { reduction: "add" });
    },
  ],

  ScatterND: put("GatherND"),

  ScatterElements: put("GatherElements"),

  /** The highest elements' gradients go back to where they stood, which is the second output. */
  TopK: (g, x) => [
    () => {
      const { b, dY, node } = g;
      const axis = intAttribute(node, "axis", -1);
      return b.node("ScatterElements", [zeros(g, x), node.outputs[1] ?? "", dY], { axis });
    },
  ],
};
