import { intAttribute } from "../../onnx/index.js";
import type { GradientContext, GradientRules } from "../rule.js";

/** Softmax and its logarithm, along one axis. */
export const softmax: GradientRules = {
  /** dx = y (dy - sum(y dy)), from dy_k/dx_j = y_k ([k = j] - y_j): Bishop, Pattern Recognition and Machine Learning, 2006, (4.106). */
  Softmax: (g) => [
    () => {
      const { b, dY, y } = g;
      return b.node("Mul", [y, b.node("Sub", [dY, sum(g, b.node("Mul", [y, dY]))])]);
    },
  ],

  /** dx = dy - softmax(x) sum(dy), where softmax(x) = exp(y): the formula above, divided by the probability. */
  LogSoftmax: (g) => [
    () => {
      const { b, dY, y } = g;
      return b.node("Sub", [dY, b.node("Mul", [b.node("Exp", [y]), sum(g, dY)])]);
    },
  ],
};

/** Sum along the axis of the node, which stays as one of size 1. */
function sum({ b, node }: GradientContext, value: string): string {
  return b.node("ReduceSum", [value, b.integers([intAttribute(node, "axis", -1)])], { keepdims: 1 });
}
