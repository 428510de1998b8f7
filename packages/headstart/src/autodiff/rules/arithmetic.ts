import { reduceTo } from "../broadcast.js";
import { equal } from "../mask.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** The sum of values, or the only one. */
function total({ b }: GradientContext, values: readonly string[]): string {
  return values.reduce((sum, value) => b.node("Add", [sum, value]));
}

/** The gradient goes to the inputs that are the result; where several are, in equal shares, as in PyTorch. */
const selected: GradientRule = (g, ...inputs) => {
  if (inputs.length === 1) return [() => g.dY];
  const masks = inputs.map((input) => equal(g, input, g.y));
  const share = g.b.node("Div", [g.dY, total(g, masks)]);
  return inputs.map((input, i) => () => reduceTo(g, g.b.node("Mul", [share, masks[i] ?? ""]), input));
};

/** A value where another one is not 0, and 0 where it is. */
function unlessZero({ b, scalar }: GradientContext, condition: string, value: string): string {
  const zero = scalar(0);
  return b.node("Where", [b.node("Equal", [condition, zero]), zero, value]);
}

/** Arithmetic on values that are broadcast to each other: the rules of calculus for each, summed back to the shape of each. */
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

  /**
   * d(a^p) = p a^(p - 1) da + a^p log(a) dp. As in PyTorch the first is 0 where p is 0, and the second where a is 0 and p is not below 0, though
   * the power or the logarithm is infinite there.
   */
  Pow: (g, a, p) => {
    const { b, dY, y, scalar } = g;
    const [known, ...more] = g.elements(p) ?? [];
    return [
      () => {
        if (known === 2 && more.length === 0)
          return reduceTo(g, b.node("Mul", [dY, b.node("Add", [a, a])]), a);
        const exponent = b.node("CastLike", [p, scalar(0)]);
        const slope = b.node("Mul", [exponent, b.node("Pow", [a, b.node("Sub", [exponent, scalar(1)])])]);
        const always = known !== undefined && more.length === 0 && known !== 0;
        const safe = always ? slope : unlessZero(g, exponent, slope);
        return reduceTo(g, b.node("Mul", [dY, safe]), a);
      },
      () => {
        const zero = scalar(0);
        const flat = b.node("And", [b.node("Equal", [a, zero]), b.node("GreaterOrEqual", [p, zero])]);
        const logarithm = b.node("Where", [flat, zero, b.node("Log", [a])]);
        return reduceTo(g, b.node("Mul", [dY, b.node("Mul", [y, logarithm])]), p);
      },
    ];
  },

  /** a - n c with a whole n that is a step: da - n dc. Only the remainder with `fmod` is defined for floating-point numbers. */
  Mod: (g, a, c) => [
    () => reduceTo(g, g.dY, a),
    () => {
      const { b, dY, y } = g;
      const times = b.node("Div", [b.node("Sub", [a, y]), c]);
      return b.node("Neg", [reduceTo(g, b.node("Mul", [dY, times]), c)]);
    },
  ],

  Sum: (g, ...inputs) => inputs.map((input) => () => reduceTo(g, g.dY, input)),

  Mean: (g, ...inputs) => {
    const share = g.b.node("Div", [g.dY, g.scalar(inputs.length)]);
    return inputs.map((input) => () => reduceTo(g, share, input));
  },

  Max: selected,
  Min: selected,

  /** Each element's gradient goes where the element came from. */
  Where: (g, condition, a, c) => [
    undefined,
    () => reduceTo(g, g.b.node("Where", [condition, g.dY, g.scalar(0)]), a),
    () => reduceTo(g, g.b.node("Where", [condition, g.scalar(0), g.dY]), c),
  ],
};
