import { intAttribute, intsAttribute, stringAttribute } from "../../onnx/index.js";
import { channelSums } from "../channels.js";
import { filterGradient } from "../filter-gradient.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";
import { each, padsOf, spread, type Window, windowsOf } from "../windows.js";

/**
 * y[n, m, o] = bias[m] + sum over c and k of W[m, c, k] x[n, c, o stride + k dilation - pad]. dx is the transposed convolution of dY with W
 * (Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, ch. 4); with stride 1 that is a convolution with the filter
 * turned round, which ONNX Runtime runs faster. dW is made by {@link filterGradient}.
 */
const conv: GradientRule = (g, x, w) => {
  const windows = windowsOf(g, x, g.shape(w)?.slice(2));
  const group = intAttribute(g.node, "group", 1);
  return [
    () =>
      windows.every(({ stride, reach, pads }) => stride === 1 && Math.max(...pads) < reach)
        ? g.b.node("Conv", [g.dY, turnedRound(g, w, windows, group)], {
            group,
            dilations: each(windows, ({ dilation }) => dilation),
            pads: padsOf(windows.map((window) => ({ ...window, pads: mirrored(window) }))),
          })
        : spread(g, g.dY, w, windows, group, g.y, x),
    () => filterGradient(g, { value: x, like: x }, { value: g.dY, like: g.y }, w, windows, group),
    () => channelSums(g, g.dY, windows.length + 2),
  ];
};

/**
 * The transposed convolution: the adjoint of a convolution from y's space to x's. So dx is that convolution, of dY, and dW is its filters'
 * gradient, where dY is the image and x is what comes back.
 */
const convTranspose: GradientRule = (g, x, w) => {
  const { b, node, dY, y } = g;
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  if (auto.startsWith("SAME") || intsAttribute(node, "output_shape"))
    throw g.unsupported("whose padding is to be found from the size of its output");
  const windows = windowsOf(g, y, g.shape(w)?.slice(2));
  const extra = intsAttribute(node, "output_padding");
  if (windows.some(({ stride }, i) => (extra?.[i] ?? 0) >= stride))
    throw g.unsupported("whose output_padding is not smaller than its stride");
  const group = intAttribute(node, "group", 1);
  return [
    () =>
      b.node("Conv", [dY, w], {
        group,
        strides: each(windows, ({ stride }) => stride),
        dilations: each(windows, ({ dilation }) => dilation),
        pads: padsOf(windows),
      }),
    () => filterGradient(g, { value: dY, like: y }, { value: x, like: x }, w, windows, group),
    () => channelSums(g, g.dY, windows.length + 2),
  ];
};

/** The padding with which dY must be read so that what comes back has the size of x. */
function mirrored({ reach, pads }: Window): readonly [number, number] {
  return [reach - 1 - pads[0], reach - 1 - pads[1]];
}

/** Filters `[M, C / group, ...]` as `[C, M / group, ...]`, each with its taps in reverse order. */
function turnedRound(g: GradientContext, w: string, windows: readonly Window[], group: number): string {
  const { b } = g;
  const axes = windows.map((_, i) => i + 2);
  const [filters, depth] = g.shape(w) ?? [];
  const fill = (value: number) => b.integers(axes.map(() => value));
  const flipped = windows.every(({ kernel }) => kernel === 1)
    ? w
    : b.node("Slice", [w, fill(-1), fill(Number.MIN_SAFE_INTEGER), b.integers(axes), fill(-1)]);
  if (group === 1) return b.node("Transpose", [flipped], { perm: [1, 0, ...axes] });
  if (depth === 1 && filters === group) return flipped;
  if (typeof filters !== "number" || typeof depth !== "number")
    throw g.unsupported("whose filters have no known shape");
  const kernels = each(windows, ({ kernel }) => kernel);
  const byGroup = b.node("Reshape", [flipped, b.integers([group, filters / group, depth, ...kernels])]);
  const perm = [0, 2, 1, ...axes.map((axis) => axis + 1)];
  const exchanged = b.node("Transpose", [byGroup], { perm });
  return b.node("Reshape", [exchanged, b.integers([group * depth, filters / group, ...kernels])]);
}

/** Convolutions, of any number of spatial axes. */
export const convolution: GradientRules = { Conv: conv, ConvTranspose: convTranspose };
