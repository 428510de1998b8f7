import { intAttribute } from "../../onnx/index.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";
import { each, reshaped, spatialDims, spread, type Window, windowsOf } from "../windows.js";

/**
 * y is the largest element of each window. All of its gradient goes to that element; among equal ones to the first in row-major order, as in
 * PyTorch and as ONNX Runtime's `Indices` say. The pooling is run again for these, so that the graph's own node can stay the faster one
 * without them. An element that is the largest of several windows gets the sum.
 */
const maxPool: GradientRule = (g, x) => [
  () => {
    const { b, node, dY } = g;
    const attributes = Object.fromEntries([...node.attributes].filter(([name]) => name !== "storage_order"));
    const [, places = ""] = b.nodes("MaxPool", [x], 2, attributes);
    const flat = (value: string) => b.node("Reshape", [value, b.integers([-1])]);
    // The size is taken at run time: ONNX Runtime would keep zeros of a constant size as a constant.
    const zeros = b.node("Expand", [g.scalar(0), flat(b.node("Size", [x]))]);
    const sum = b.node("ScatterElements", [zeros, flat(places), flat(dY)], { axis: 0, reduction: "add" });
    return b.node("Reshape", [sum, g.dims(x)]);
  },
];

/** As `MaxPool`, with the whole plane of a channel as the window. */
const globalMaxPool: GradientRule = (g, x) => [
  () => {
    const { b, dY } = g;
    const planes = b.node("Reshape", [x, b.integers([0, 0, -1])]);
    const place = b.node("ArgMax", [planes], { axis: 2, keepdims: 1 });
    const zeros = b.node("Expand", [g.scalar(0), b.node("Shape", [planes])]);
    const gradients = b.node("Reshape", [dY, b.integers([0, 0, 1])]);
    const scattered = b.node("ScatterElements", [zeros, place, gradients], { axis: 2 });
    return b.node("Reshape", [scattered, g.dims(x)]);
  },
];

/**
 * y is the mean of each window, so every element gets its share of the gradients of the windows that it is in: a transposed convolution of
 * each plane with a filter of ones.
 */
const averagePool: GradientRule = (g, x) => {
  const windows = windowsOf(g, x);
  return [
    () => {
      const { b, dY, y } = g;
      const planes = reshaped(g, b.node("Mul", [dY, share(g, x, windows)]), [-1, 1], y);
      return b.node("Reshape", [spread(g, planes, ones(g, windows), windows, 1, y, x), g.dims(x)]);
    },
  ];
};

/**
 * What one element of a window counts in its mean: one of the number of taps, or, where windows reach into padding or hang over the end, the
 * mean that the node itself takes of ones, divided by how many elements of the image are in the window.
 */
function share(g: GradientContext, x: string, windows: readonly Window[]): string {
  const { b, node } = g;
  const unpadded = windows.every(({ pads }) => pads[0] === 0 && pads[1] === 0);
  const counted = unpadded || intAttribute(node, "count_include_pad", 0) === 1;
  if (counted && intAttribute(node, "ceil_mode", 0) === 0)
    return g.scalar(1 / windows.reduce((product, { kernel }) => product * kernel, 1));
  const image = b.node("Expand", [g.scalar(1), planeDims(g, x)]);
  const mean = b.node("AveragePool", [image], Object.fromEntries(node.attributes));
  const begins = each(windows, ({ pads }) => pads[0]);
  const ends = each(windows, ({ pads, stride }) => pads[1] + stride - 1);
  const padded = b.node("Pad", [image, b.integers([0, 0, ...begins, 0, 0, ...ends])]);
  const sums = b.node("Conv", [padded, ones(g, windows)], {
    strides: each(windows, ({ stride }) => stride),
    dilations: each(windows, ({ dilation }) => dilation),
  });
  const fill = (of: (i: number) => number) => b.integers(windows.map((_, i) => of(i)));
  const count = b.node("Slice", [sums, fill(() => 0), spatialDims(g, g.y), fill((i) => i + 2)]);
  // A window in the padding alone has no element to give anything to.
  return b.node("Div", [mean, b.node("Max", [count, g.scalar(1)])]);
}

/** The dimensions of one plane of an image: [1, 1, ...]. */
function planeDims(g: GradientContext, image: string): string {
  return g.b.node("Concat", [g.b.integers([1, 1]), spatialDims(g, image)], { axis: 0 });
}

/** A filter of ones for one channel. */
function ones({ b, scalar }: GradientContext, windows: readonly Window[]): string {
  return b.node("Expand", [scalar(1), b.integers([1, 1, ...each(windows, ({ kernel }) => kernel)])]);
}

/** Pooling with windows, and the largest of a whole plane; the mean of a plane is in `reduction`. */
export const pooling: GradientRules = {
  MaxPool: maxPool,
  GlobalMaxPool: globalMaxPool,
  AveragePool: averagePool,
};
