import { reduceTo } from "../broadcast.js";
import type { GradientRules } from "../rule.js";

/** Arithmetic on two values that are broadcast to each other: the rules of sum, product and quotient, summed back to each one's shape. */
export const arithmetic: GradientRules = {
  Add: (g, a, c) => [() => reduceTo(g, g.dY, a), () => reduceTo(g, g.dY, c)],

  Sub: (g, a, c) => [() => reduceTo(g, g.dY, a), () => g.b.node("Neg", [reduceTo(g, g.dY, c)])],

  Mul: (g, a, c) => [
    () => reduceTo(g, g.b.node("Mul", [g.dY, c]), a),
    () => reduceTo(g, g.b.node("Mul", [g.dY, a]), c),
  ],

  /** d(a/c) = da/c - (a/c) dc/c. */
  Div: (g, a, c) => {
    const quotient = g.b.node("Div", [g.dY, c]);
    return [
      () => reduceTo(g, quotient, a),
      () => g.b.node("Neg", [reduceTo(g, g.b.node("Mul", [quotient, g.y]), c)]),
    ];
  },
};
