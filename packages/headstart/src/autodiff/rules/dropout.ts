import type { GradientRules } from "../rule.js";

/** Dropout, which in training form sets elements to 0 at random and divides the rest by how many are kept. */
export const dropout: GradientRules = {
  /**
   * Outside of training it leaves its input as it is. In training the gradient goes where the mask is set, divided as the elements were
   * (Srivastava et al., Dropout, JMLR 15, 2014); for that the node has to hand out its mask.
   */
  Dropout: ({ b, node, dY, elements, scalar, unsupported }, _x, ratio = "", training = "") => [
    () => {
      const [mode] = training === "" ? [0] : (elements(training) ?? []);
      if (mode === 0) return dY;
      const mask = node.outputs[1] ?? "";
      if (mode === undefined) throw unsupported("of which is not known whether it is in training form");
      if (mask === "") throw unsupported("which is in training form and does not hand out its mask");
      const zero = scalar(0);
      const dropped = ratio === "" ? scalar(0.5) : b.node("CastLike", [ratio, zero]);
      return b.node("Where", [mask, b.node("Div", [dY, b.node("Sub", [scalar(1), dropped])]), zero]);
    },
  ],
};
