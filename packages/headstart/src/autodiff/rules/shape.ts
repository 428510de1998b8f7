import { intsAttribute } from "../../onnx/index.js";
import type { GradientRule, GradientRules } from "../rule.js";

/** The same elements in another shape: the gradient goes back to the shape of x. */
const reshaped: GradientRule = ({ b, dY, dims }, x) => [() => b.node("Reshape", [dY, dims(x)])];

/** Elements that only change places: so do their gradients, the other way round. */
export const shape: GradientRules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,

  /** The inverse permutation; without one the axes are reversed, which undoes itself. */
  Transpose: ({ b, node, dY }) => [
    () => {
      const perm = intsAttribute(node, "perm");
      return b.node("Transpose", [dY], perm ? { perm: perm.map((_, axis) => perm.indexOf(axis)) } : {});
    },
  ],
};
