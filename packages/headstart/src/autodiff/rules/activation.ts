import { float, floatAttribute, stringAttribute } from "../../onnx/index.js";
import { reduceTo } from "../broadcast.js";
import { otherwise, positive } from "../mask.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** The rule dx = f'(x) dy of a function of one element, given the nodes of f'(x). */
function slope(derivative: (g: GradientContext, x: string) => string): GradientRule {
  return (g, x) => [() => g.b.node("Mul", [g.dY, derivative(g, x)])];
}

/** a x + c, a node for each part that does something. */
function line(g: GradientContext, x: string, a: number, c: number): string {
  const scaled = a === 1 ? x : g.b.node("Mul", [x, g.scalar(a)]);
  return c === 0 ? scaled : g.b.node("Add", [scaled, g.scalar(c)]);
}

/** x and scale (e^x - 1) below 0, times gain: gain above 0, and y + scale gain below. */
function exponentialBelow(g: GradientContext, scale: number, gain: number): string {
  // With a scale of 1 both sides meet in one slope, that of the smaller of y and 0.
  if (scale === 1) return line(g, g.b.node("Min", [g.y, g.scalar(0)]), 1, gain);
  const mask = positive(g, g.y);
  const below = g.b.node("Mul", [g.b.node("Sub", [g.scalar(1), mask]), line(g, g.y, 1, scale * gain)]);
  return g.b.node("Add", [line(g, mask, gain, 0), below]);
}

/** x^2. */
function squared({ b }: GradientContext, x: string): string {
  return b.node("Mul", [x, x]);
}

/** 1 - y^2, the slope of y = tanh(x). */
function tanhSlope(g: GradientContext, y: string): string {
  return g.b.node("Sub", [g.scalar(1), squared(g, y)]);
}

/** Phi(x) + x phi(x), with the normal distribution's function and density: the product rule on x Phi(x). */
function geluSlope(g: GradientContext, x: string): string {
  const { b, scalar } = g;
  const distribution = line(g, b.node("Erf", [b.node("Mul", [x, scalar(Math.SQRT1_2)])]), 0.5, 0.5);
  const density = b.node("Mul", [
    b.node("Exp", [b.node("Mul", [squared(g, x), scalar(-0.5)])]),
    scalar(1 / Math.sqrt(2 * Math.PI)),
  ]);
  return b.node("Add", [distribution, b.node("Mul", [x, density])]);
}

/** The same with the distribution (1 + t) / 2, t = tanh(c (x + 0.044715 x^3)) and c = sqrt(2 / pi). */
function geluTanhSlope(g: GradientContext, x: string): string {
  const { b } = g;
  const c = Math.sqrt(2 / Math.PI);
  const square = squared(g, x);
  const t = b.node("Tanh", [b.node("Mul", [x, line(g, square, 0.044715 * c, c)])]);
  const inner = b.node("Mul", [x, line(g, square, 3 * 0.044715 * c, c)]);
  const both = b.node("Add", [t, b.node("Mul", [inner, tanhSlope(g, t)])]);
  return line(g, both, 0.5, 0.5);
}

/**
 * 1 where Clip left x as it was. With two bounds that are known it reads y only, so that x can be freed, and is 0 at the bounds, as PyTorch's
 * ReLU6 and Hardtanh are; otherwise it is 1 at the bounds, as PyTorch's clamp is.
 */
const clip: GradientRule = (g, x, min = "", max = "") => [
  () => {
    const { b, dY, y, scalar } = g;
    const [low] = (min && g.elements(min)) || [];
    const [high] = (max && g.elements(max)) || [];
    const inside =
      low !== undefined && high !== undefined
        ? positive(g, b.node("Mul", [line(g, y, 1, -low), b.node("Sub", [scalar(high), y])]))
        : positive(g, squared(g, b.node("Sub", [x, y])), -1, 1e-38);
    return b.node("Mul", [dY, inside]);
  },
];

/**
 * Activations: dx = f'(x) dy, written with y = f(x) where that saves work or lets x be freed. Formulas are those of ONNX's definitions of the
 * functions, differentiated; at a corner, the slope is the one that PyTorch takes.
 */
export const activation: GradientRules = {
  /** 1 where x > 0, and 0 at 0. It reads y and not x, so that ONNX Runtime may fuse Relu into what makes x. */
  Relu: slope((g) => positive(g, g.y)),

  Clip: clip,

  /** x where x > alpha, and 0 elsewhere. */
  ThresholdedRelu: slope((g, x) => positive(g, x, 1, -floatAttribute(g.node, "alpha", 1))),

  /** 1 where x > 0 and alpha elsewhere; y is above 0 where x is, unless alpha is below 0. */
  LeakyRelu: slope((g, x) => {
    const alpha = floatAttribute(g.node, "alpha", 0.01);
    return line(g, positive(g, alpha < 0 ? x : g.y), 1 - alpha, alpha);
  }),

  /** The slope below 0 is an input, broadcast to x. */
  PRelu: (g, x, below) => [
    () => g.b.node("Mul", [g.dY, otherwise(g, positive(g, x), below)]),
    () => reduceTo(g, g.b.node("Mul", [g.dY, g.b.node("Min", [x, g.scalar(0)])]), below),
  ],

  Elu: slope((g) => exponentialBelow(g, floatAttribute(g.node, "alpha", 1), 1)),

  Selu: slope((g) =>
    exponentialBelow(
      g,
      floatAttribute(g.node, "alpha", 1.6732632423543772),
      floatAttribute(g.node, "gamma", 1.0507009873554805),
    ),
  ),

  /** alpha (e^(x / alpha) - 1) below 0, whose slope is y / alpha + 1. */
  Celu: slope((g) => line(g, g.b.node("Min", [g.y, g.scalar(0)]), 1 / floatAttribute(g.node, "alpha", 1), 1)),

  /** y (1 - y). */
  Sigmoid: slope((g) => g.b.node("Mul", [g.y, g.b.node("Sub", [g.scalar(1), g.y])])),

  /** alpha where 0 < y < 1, that is where y (1 - y) > 0. */
  HardSigmoid: slope((g) => {
    const inside = positive(g, g.b.node("Mul", [g.y, g.b.node("Sub", [g.scalar(1), g.y])]));
    return line(g, inside, floatAttribute(g.node, "alpha", 0.2), 0);
  }),

  /** x h(x) with h(x) = clip(x / 6 + 1/2): h, and x / 6 = h - 1/2 where that is between -1/2 and 1/2. */
  HardSwish: slope((g, x) => {
    const { b, scalar } = g;
    const h = b.node("HardSigmoid", [x], { alpha: float(1 / 6), beta: float(0.5) });
    const sixth = b.node("Sub", [h, scalar(0.5)]);
    const inside = positive(g, squared(g, sixth), -1, 0.25);
    return b.node("Add", [h, b.node("Mul", [sixth, inside])]);
  }),

  /** x t with t = tanh(softplus(x)): t + x sigmoid(x) (1 - t^2). */
  Mish: slope((g, x) => {
    const { b } = g;
    const t = b.node("Tanh", [b.node("Softplus", [x])]);
    const rest = b.node("Mul", [b.node("Mul", [x, b.node("Sigmoid", [x])]), tanhSlope(g, t)]);
    return b.node("Add", [t, rest]);
  }),

  Gelu: slope((g, x) =>
    stringAttribute(g.node, "approximate", "none") === "tanh" ? geluTanhSlope(g, x) : geluSlope(g, x),
  ),

  Softplus: slope(({ b }, x) => b.node("Sigmoid", [x])),

  /** x / (1 + |x|), whose slope 1 / (1 + |x|)^2 is (1 - |y|)^2. */
  Softsign: slope((g) => squared(g, g.b.node("Sub", [g.scalar(1), g.b.node("Abs", [g.y])]))),

  /** x s with s = sigmoid(alpha x): s + alpha y (1 - s). */
  Swish: slope((g, x) => {
    const { b, node, scalar, y } = g;
    const alpha = floatAttribute(node, "alpha", 1);
    const s = b.node("Sigmoid", [line(g, x, alpha, 0)]);
    const rest = b.node("Mul", [line(g, y, alpha, 0), b.node("Sub", [scalar(1), s])]);
    return b.node("Add", [s, rest]);
  }),

  /** x - bias above lambd, x + bias below -lambd, and 0 in between. */
  Shrink: slope((g, x) => positive(g, g.b.node("Abs", [x]), 1, -floatAttribute(g.node, "lambd", 0.5))),

  Tanh: slope((g) => tanhSlope(g, g.y)),
};
