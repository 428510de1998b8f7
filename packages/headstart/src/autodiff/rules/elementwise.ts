import { elementTypeCode } from "../../onnx/index.js";
import type { GradientRule, GradientRules } from "../rule.js";

/** From one floating-point type to another and back. */
const cast: GradientRule = ({ b, dY, type }, x) => [
  () => b.node("Cast", [dY], { to: elementTypeCode(type(x)) }),
];

/**
 * Functions of one element that are no activations: the chain rule dx = f'(x) dy. Derivatives are those of NIST's Digital Library of Mathematical
 * Functions (4.7 for exp, log and powers, 4.20 for sine and cosine, 7.2 for erf), written with y = f(x) where that saves work.
 */
export const elementwise: GradientRules = {
  Identity: ({ dY }) => [() => dY],

  Cast: cast,
  CastLike: cast,

  Neg: ({ b, dY }) => [() => b.node("Neg", [dY])],

  /** The sign of x, 0 at 0 as in PyTorch. */
  Abs: ({ b, dY }, x) => [() => b.node("Mul", [dY, b.node("Sign", [x])])],

  Exp: ({ b, dY, y }) => [() => b.node("Mul", [dY, y])],

  Log: ({ b, dY }, x) => [() => b.node("Div", [dY, x])],

  /** 1 / (2 y). */
  Sqrt: ({ b, dY, y }) => [() => b.node("Div", [dY, b.node("Add", [y, y])])],

  /** -y^2. */
  Reciprocal: ({ b, dY, y }) => [() => b.node("Neg", [b.node("Mul", [dY, b.node("Mul", [y, y])])])],

  Sin: ({ b, dY }, x) => [() => b.node("Mul", [dY, b.node("Cos", [x])])],

  Cos: ({ b, dY }, x) => [() => b.node("Neg", [b.node("Mul", [dY, b.node("Sin", [x])])])],

  /** 2 / sqrt(pi) e^(-x^2). */
  Erf: ({ b, dY, scalar }, x) => [
    () => {
      const bell = b.node("Exp", [b.node("Neg", [b.node("Mul", [x, x])])]);
      return b.node("Mul", [dY, b.node("Mul", [bell, scalar(2 / Math.sqrt(Math.PI))])]);
    },
  ],
};
