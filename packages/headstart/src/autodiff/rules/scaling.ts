import { elementTypeCode, floatAttribute, intAttribute } from "../../onnx/index.js";
import { sizeOf, wholes } from "../along-axis.js";
import { reduceTo } from "../broadcast.js";
import type { GradientContext, GradientRules } from "../rule.js";

/** Sum of a value along one axis, or from an axis on, each kept with size 1. */
function summed({ b }: GradientContext, value: string, axes: readonly number[]): string {
  return b.node("ReduceSum", [value, b.integers(axes)], { keepdims: 1 });
}

/** Values divided by a measure of the size of those around them. */
export const scaling: GradientRules = {
  /**
   * y = x / s^beta with s = bias + alpha mean(x^2) over neighbouring channels (Krizhevsky, Sutskever and Hinton, ImageNet
   * classification with deep convolutional neural networks, 2012, section 3.3): dx = dy / s^beta - 2 alpha beta x mean(dy y / s), the
   * mean over the channels to which x is a neighbour. Channels outside count as 0. Means come from AveragePool, with channels as its
   * rows.
   */
  LRN: (g, x) => [
    () => {
      const { b, dY, y, node, scalar } = g;
      const size = intAttribute(node, "size", 1);
      const [alpha, beta] = [floatAttribute(node, "alpha", 1e-4), floatAttribute(node, "beta", 0.75)];
      const rows = wholes(g, [0, 1, sizeOf(g, x, 1), -1]);
      const [less, more] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
      const mean = (value: string, before: number, after: number) => {
        const pooled = b.node("AveragePool", [b.node("Reshape", [value, rows])], {
          kernel_shape: [size, 1],
          pads: [before, 0, after, 0],
          count_include_pad: 1,
        });
        return b.node("Reshape", [pooled, g.dims(x)]);
      };
      const around = mean(b.node("Mul", [x, x]), less, more);
      const s = b.node("Add", [
        b.node("Mul", [around, scalar(alpha)]),
        scalar(floatAttribute(node, "bias", 1)),
      ]);
      const own = b.node("Mul", [dY, b.node("Pow", [s, scalar(-beta)])]);
      const others = mean(b.node("Div", [b.node("Mul", [dY, y]), s]), more, less);
      return b.node("Sub", [own, b.node("Mul", [b.node("Mul", [x, others]), scalar(2 * alpha * beta)])]);
    },
  ],

  /**
   * y = x / n with the norm n of x along an axis, whose slope is n' = y for p = 2 and sign(x) for p = 1: dx = (dy - n' sum(dy y)) / n.
   * Where the norm is 0, so is the gradient.
   */
  LpNormalization: (g, x) => [
    () => {
      const { b, dY, y, node, scalar } = g;
      const axes = [intAttribute(node, "axis", -1)];
      const p = intAttribute(node, "p", 2);
      const size = b.node(p === 1 ? "Abs" : "Mul", p === 1 ? [x] : [x, x]);
      const norm = p === 1 ? summed(g, size, axes) : b.node("Sqrt", [summed(g, size, axes)]);
      const along = summed(g, b.node("Mul", [dY, y]), axes);
      const rest = b.node("Sub", [dY, b.node("Mul", [p === 1 ? b.node("Sign", [x]) : y, along])]);
      const zero = scalar(0);
      return b.node("Where", [b.node("Equal", [norm, zero]), zero, b.node("Div", [rest, norm])]);
    },
  ],

  /**
   * y = scale xhat, xhat = x r, r = 1 / sqrt(mean(x^2) + epsilon) over `axis` and those behind it (Zhang and Sennrich, Root mean square
   * layer normalization, 2019): dx = r (dxhat - xhat mean(dxhat xhat)).
   */
  RMSNormalization: (g, x, scale) => {
    const { b, dY, node, scalar } = g;
    const rank = g.rank(x);
    const axis = intAttribute(node, "axis", -1);
    const first = axis < 0 ? axis + rank : axis;
    const axes = Array.from({ length: rank - first }, (_, i) => first + i);
    const squares = summed(g, b.node("Mul", [x, x]), axes);
    const size = (value: string) =>
      b.node("Cast", [b.node("Size", [value])], { to: elementTypeCode("float64") });
    const ratio = b.node("Div", [size(x), size(squares)]);
    const count = b.node("Cast", [ratio], { to: elementTypeCode(g.type(g.y)) });
    const square = b.node("Add", [
      b.node("Div", [squares, count]),
      scalar(floatAttribute(node, "epsilon", 1e-5)),
    ]);
    const r = b.node("Reciprocal", [b.node("Sqrt", [square])]);
    const xhat = b.node("Mul", [x, r]);
    return [
      () => {
        const dXhat = b.node("Mul", [dY, scale]);
        const along = b.node("Mul", [
          xhat,
          b.node("Div", [summed(g, b.node("Mul", [dXhat, xhat]), axes), count]),
        ]);
        return b.node("Mul", [b.node("Sub", [dXhat, along]), r]);
      },
      () => reduceTo(g, b.node("Mul", [dY, xhat]), scale),
    ];
  },
};
