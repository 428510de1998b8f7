import { intAttribute } from "../../onnx/index.js";
import type { GradientRules } from "../rule.js";

/** Pooling over all places of each channel, other than the mean and the maximum. */
export const globalPooling: GradientRules = {
  /** y = (sum |x|^p)^(1/p), so that dx = dy sign(x) (|x| / y)^(p - 1). Where the norm y is 0, so is the gradient. */
  GlobalLpPool: ({ b, dY, y, node, scalar }, x) => [
    () => {
      const p = intAttribute(node, "p", 2);
      const norm = b.node("Where", [b.node("Equal", [y, scalar(0)]), scalar(1), y]);
      const share = b.node("Pow", [b.node("Div", [b.node("Abs", [x]), norm]), scalar(p - 1)]);
      return b.node("Mul", [dY, b.node("Mul", [b.node("Sign", [x]), share])]);
    },
  ],
};
