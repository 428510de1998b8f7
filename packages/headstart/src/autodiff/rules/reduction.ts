import { elementTypeCode, intAttribute, intsAttribute } from "../../onnx/index.js";
import { equal } from "../mask.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** The gradient goes to the elements that are the result; where several are, in equal shares, as in PyTorch. */
const selected: GradientRule = (g, x, axes) => [
  () => {
    const mask = equal(g, x, kept(g, g.y, axes));
    const share = g.b.node("Div", [kept(g, g.dY, axes), summed(g, mask, axes)]);
    return g.b.node("Mul", [mask, share]);
  },
];

/**
 * Sums, means, norms and extremes over axes. Every element that went into a sum gets the sum's gradient, times the slope of what was summed (Griewank
 * and Walther, Evaluating Derivatives, 2nd ed., 2008, ch. 3: the adjoint of summing is copying).
 */
export const reduction: GradientRules = {
  ReduceSum: (g, x, axes) => [() => copied(g, kept(g, g.dY, axes), x)],

  ReduceMean: (g, x, axes) => [() => copied(g, kept(g, shared(g, x), axes), x)],

  /** The mean over all axes behind the channels', each kept with size 1. */
  GlobalAveragePool: (g, x) => [() => copied(g, shared(g, x), x)],

  ReduceL1: (g, x, axes) => [() => g.b.node("Mul", [g.b.node("Sign", [x]), kept(g, g.dY, axes)])],

  /** x / y, and 0 where the norm is 0, as in PyTorch. */
  ReduceL2: (g, x, axes) => [
    () => {
      const { b, dY, y, scalar } = g;
      const zero = scalar(0);
      const share = b.node("Where", [b.node("Equal", [y, zero]), zero, b.node("Div", [dY, y])]);
      return b.node("Mul", [x, kept(g, share, axes)]);
    },
  ],

  ReduceSumSquare: (g, x, axes) => [() => g.b.node("Mul", [x, kept(g, g.b.node("Add", [g.dY, g.dY]), axes)])],

  /** y = log(sum(x)): dy / sum(x). */
  ReduceLogSum: (g, x, axes) => [
    () => copied(g, kept(g, g.b.node("Mul", [g.dY, g.b.node("Exp", [g.b.node("Neg", [g.y])])]), axes), x),
  ],

  /** The softmax of x, e^(x - y). */
  ReduceLogSumExp: (g, x, axes) => [
    () => {
      const softmax = g.b.node("Exp", [g.b.node("Sub", [x, kept(g, g.y, axes)])]);
      return g.b.node("Mul", [softmax, kept(g, g.dY, axes)]);
    },
  ],

  /** The product of all other elements: y / x, and where x is 0 the product without it, which is 0 if there is another 0. */
  ReduceProd: (g, x, axes) => [
    () => {
      const { b, dY, type, scalar } = g;
      const zero = scalar(0);
      const isZero = b.node("Equal", [x, zero]);
      const others = b.node("Where", [isZero, scalar(1), x]);
      const count = b.node("Cast", [isZero], { to: elementTypeCode(type(x)) });
      const product = reduced(g, "ReduceProd", others, axes);
      const zerosElsewhere = b.node("Sub", [summed(g, count, axes), count]);
      const rest = b.node("Where", [
        b.node("Equal", [zerosElsewhere, zero]),
        b.node("Div", [product, others]),
        zero,
      ]);
      return b.node("Mul", [rest, kept(g, dY, axes)]);
    },
  ],

  /** Each element went into its own sum and the later ones: sums from the other end. */
  CumSum: ({ b, dY, node }, _, axis = "") => [
    () =>
      b.node("CumSum", [dY, axis], {
        exclusive: intAttribute(node, "exclusive", 0),
        reverse: 1 - intAttribute(node, "reverse", 0),
      }),
  ],

  ReduceMax: selected,
  ReduceMin: selected,
};

/** The axes of the node, an attribute in older versions; `""` where none are given. */
function axesOf({ b, node }: GradientContext, input = ""): string {
  const attribute = intsAttribute(node, "axes");
  return attribute === undefined ? input : b.integers(attribute);
}

/** A reduced value with the axes of size 1 that `keepdims` = 0 dropped. Without axes it is a scalar, or nothing was reduced. */
function kept(g: GradientContext, value: string, input = ""): string {
  const axes = axesOf(g, input);
  return intAttribute(g.node, "keepdims", 1) || axes === "" ? value : g.b.node("Unsqueeze", [value, axes]);
}

/** The sum of a value over the axes of the node, each kept with size 1. */
function summed(g: GradientContext, value: string, input = ""): string {
  const axes = axesOf(g, input);
  const noop = intAttribute(g.node, "noop_with_empty_axes", 0);
  const inputs = axes === "" ? [value] : [value, axes];
  return g.b.node("ReduceSum", inputs, { keepdims: 1, noop_with_empty_axes: noop });
}

/** What an operator makes of a value over the axes of the node, each kept with size 1. */
function reduced({ b, node }: GradientContext, op: string, value: string, input = ""): string {
  const noop = intAttribute(node, "noop_with_empty_axes", 0);
  const attributes = { keepdims: 1, ...(noop ? { noop_with_empty_axes: noop } : {}) };
  const axes = intsAttribute(node, "axes");
  return b.node(op, input === "" ? [value] : [value, input], { ...attributes, ...(axes && { axes }) });
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
