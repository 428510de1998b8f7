import { elementTypeCode, intAttribute, intsAttribute } from "../../onnx/index.js";
import type { GradientContext, GradientRules } from "../rule.js";

/**
 * Sums and means over axes. Every element that went into a sum gets the sum's gradient; in a mean, divided by how many went in (Griewank and
 * Walther, Evaluating Derivatives, 2nd ed., 2008, ch. 3: the adjoint of summing is copying).
 */
export const reduction: GradientRules = {
  ReduceSum: (g, x, axes) => [() => copied(g, kept(g, g.dY, axes), x)],

  ReduceMean: (g, x, axes) => [() => copied(g, kept(g, shared(g, x), axes), x)],

  /** The mean over all axes behind the channels', each kept with size 1. */
  GlobalAveragePool: (g, x) => [() => copied(g, shared(g, x), x)],
};

/** A reduced gradient with the axes of size 1 that `keepdims` = 0 dropped. Without axes it is a scalar, or nothing was reduced. */
function kept({ b, node }: GradientContext, gradient: string, input = ""): string {
  const attribute = intsAttribute(node, "axes");
  const axes = attribute === undefined ? input : b.integers(attribute);
  return intAttribute(node, "keepdims", 1) || axes === "" ? gradient : b.node("Unsqueeze", [gradient, axes]);
}

/** dY divided by how many elements of x went into one of y; in float64 on the way, so that large counts stay exact. */
function shared({ b, dY, y, type }: GradientContext, x: string): string {
  const size = (value: string) =>
    b.node("Cast", [b.node("Size", [value])], { to: elementTypeCode("float64") });
  const share = b.node("Cast", [b.node("Div", [size(y), size(x)])], { to: elementTypeCode(type(y)) });
  return b.node("Mul", [dY, share]);
}

/** A gradient repeated along the axes that were reduced. */
function copied({ b, dims }: GradientContext, gradient: string, x: string): string {
  return b.node("Expand", [gradient, dims(x)]);
}
