import { elementTypeCode } from "../../onnx/index.js";
import type { GradientContext, GradientRules } from "../rule.js";

/**
 * Functions of one element: the chain rule dx = f'(x) dy. Derivatives are those of NIST's Digital Library of Mathematical Functions (4.7
 * for exp, log and powers, 4.34 for tanh), written with y = f(x) where that saves work. Where f has a corner, they are what PyTorch defines.
 */
export const elementwise: GradientRules = {
  Neg: ({ b, dY }) => [() => b.node("Neg", [dY])],

  Exp: ({ b, dY, y }) => [() => b.node("Mul", [dY, y])],

  Log: ({ b, dY }, x) => [() => b.node("Div", [dY, x])],

  /** 1 / (2 y). */
  Sqrt: ({ b, dY, y }) => [() => b.node("Div", [dY, b.node("Add", [y, y])])],

  /** y (1 - y). */
  Sigmoid: ({ b, dY, y, scalar }) => [
    () => b.node("Mul", [dY, b.node("Mul", [y, b.node("Sub", [scalar(1), y])])]),
  ],

  /** 1 - y^2. */
  Tanh: ({ b, dY, y, scalar }) => [
    () => b.node("Mul", [dY, b.node("Sub", [scalar(1), b.node("Mul", [y, y])])]),
  ],

  /** 1 where x > 0, and 0 at 0. It reads y and not x, so that ONNX Runtime may fuse Relu into what makes x. */
  Relu: (g) => [() => masked(g, g.b.node("Greater", [g.y, g.scalar(0)]))],

  /** 1 where min <= x <= max, bounds included; that is where Clip left x as it was. */
  Clip: (g, x) => [() => masked(g, g.b.node("Equal", [x, g.y]))],

  Identity: ({ dY }) => [() => dY],

  /** From one floating-point type to another and back. */
  Cast: ({ b, dY, type }, x) => [() => b.node("Cast", [dY], { to: elementTypeCode(type(x)) })],
};

/** dY where a condition holds and 0 elsewhere: even where dY is infinite, which a product with the condition would turn into NaN. */
function masked({ b, dY, scalar }: GradientContext, condition: string): string {
  return b.node("Where", [condition, dY, scalar(0)]);
}
