import { elementTypeCode } from "../../onnx/index.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** From one floating-point type to another and back. */
const cast: GradientRule = ({ b, dY, type }, x) => [
  () => b.node("Cast", [dY], { to: elementTypeCode(type(x)) }),
];

/** A sum of a number and x^2 times a sign: c + x^2, or c - x^2. */
function withSquare({ b, scalar }: GradientContext, c: number, op: "Add" | "Sub", x: string): string {
  return b.node(op, [scalar(c), b.node("Mul", [x, x])]);
}

/** The rule dx = dy / f(x), or dy / sqrt(f(x)), for what is a quotient. */
function over(divisor: (g: GradientContext, x: string) => string, root = false): GradientRule {
  return (g, x) => [
    () => {
      const below = divisor(g, x);
      return g.b.node("Div", [g.dY, root ? g.b.node("Sqrt", [below]) : below]);
    },
  ];
}

/**
 * Functions of one element that are no activations: the chain rule dx = f'(x) dy. Derivatives are those of NIST's Digital Library of
 * Mathematical Functions (4.7 for exp, log and powers, 4.20 and 4.34 for trigonometric and hyperbolic functions, 4.24 and 4.38 for their
 * inverses, 7.2 for erf), written with y = f(x) where that saves work.
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

  /** 1 + y^2. */
  Tan: (g) => [() => g.b.node("Mul", [g.dY, withSquare(g, 1, "Add", g.y)])],

  Asin: over((g, x) => withSquare(g, 1, "Sub", x), true),
  Acos: (g, x) => [
    () => g.b.node("Neg", [g.b.node("Div", [g.dY, g.b.node("Sqrt", [withSquare(g, 1, "Sub", x)])])]),
  ],
  Atan: over((g, x) => withSquare(g, 1, "Add", x)),

  Sinh: ({ b, dY }, x) => [() => b.node("Mul", [dY, b.node("Cosh", [x])])],
  Cosh: ({ b, dY }, x) => [() => b.node("Mul", [dY, b.node("Sinh", [x])])],

  Asinh: over((g, x) => withSquare(g, 1, "Add", x), true),
  Acosh: over((g, x) => g.b.node("Sub", [g.b.node("Mul", [x, x]), g.scalar(1)]), true),
  Atanh: over((g, x) => withSquare(g, 1, "Sub", x)),

  /** 2 / sqrt(pi) e^(-x^2). */
  Erf: ({ b, dY, scalar }, x) => [
    () => {
      const bell = b.node("Exp", [b.node("Neg", [b.node("Mul", [x, x])])]);
      return b.node("Mul", [dY, b.node("Mul", [bell, scalar(2 / Math.sqrt(Math.PI))])]);
    },
  ],
};
