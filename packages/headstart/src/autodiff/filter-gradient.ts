import { float32, type Tensor } from "../onnx/index.js";
import type { GradientContext } from "./rule.js";
import { each, padsOf, reshaped, spatialDims, spatialSizes, type Window } from "./windows.js";

/** A value, and the value of the given graph that has its shape. */
export interface Shaped {
  readonly value: string;
  readonly like: string;
}

/**
 * The gradient of a convolution's filters: dW[m, c, k] = sum over photos n and places o of dY[n, m, o] X[n, c, o stride + k dilation - pad]
 * (Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016). Five ways give the same numbers; which one is fastest in
 * ONNX Runtime depends on the sizes:
 *
 * - depthwise filters over images that are not large: one matrix product for each column of the filter ({@link byRow})
 * - few channels in a group, or a depthwise filter that is large or strided: one convolution in which dY is the filter, photos are channels
 *   and channels are photos ({@link asConvolution})
 * - otherwise one matrix product for each tap of the filter, over the image as this tap sees it: of all photos at once with the photos
 *   innermost, so that what is sliced are long runs ({@link byTap}), or, where the image is large beside the filter, photo by photo, which
 *   saves the change of layout ({@link byPhoto})
 *
 * @param x - what the windows slid over, `[N, C, ...]`
 * @param dY - the gradient of what they made, `[N, M, ...]`
 * @param w - the filters, `[M, C / group, ...]`, a value of the given graph
 * @param group - number of groups
 * @returns the gradient of `w`
 */
export function filterGradient(
  g: GradientContext,
  x: Shaped,
  dY: Shaped,
  w: string,
  windows: readonly Window[],
  group: number,
): string {
  const [filters, depth] = g.shape(w) ?? [];
  if (typeof filters !== "number" || typeof depth !== "number")
    throw g.unsupported("whose filters have no known shape");
  const layer: Layer = { x, dY, w, windows, group, filters, depth };
  const taps = windows.reduce((product, { kernel }) => product * kernel, 1);
  const strided = windows.some(({ stride }) => stride > 1);
  if (depth === 1 && filters === group) {
    if (isByRow(g, layer)) return byRow(g, layer);
    if (!strided && taps <= 25) return byTap(g, layer);
  }
  if (depth < 8) return asConvolution(g, layer);
  const places = spatialSizes(g, dY.like)?.reduce((product, size) => product * size, 1) ?? 0;
  // What adding up over the photos costs against the changes of layout, of which there are two for all taps together.
  const share = taps === 1 ? 3 : 10;
  if (group === 1 && !strided && share * filters * depth < (filters + depth) * places)
    return byPhoto(g, layer);
  return byTap(g, layer);
}

interface Layer {
  readonly x: Shaped;
  readonly dY: Shaped;
  readonly w: string;
  readonly windows: readonly Window[];
  readonly group: number;
  readonly filters: number;
  /** Input channels of one group. */
  readonly depth: number;
}

/**
 * As one convolution. Group by group, channel c of X is a photo and its photos are channels; dY is the filter, with as many taps as Y has
 * places, so that strides become dilations and the other way round.
 */
function asConvolution(g: GradientContext, layer: Layer): string {
  const { x, dY, windows, group, depth } = layer;
  const { b } = g;
  const rest = windows.map((_, i) => i + 2);
  const turned = (value: string) => b.node("Transpose", [value], { perm: [1, 0, ...rest] });
  const images = () => {
    if (group === 1) return turned(x.value);
    if (depth === 1) return reshaped(g, turned(x.value), [1, -1], x.like);
    const grouped = reshaped(g, x.value, [0, group, depth], x.like);
    const perm = [2, 1, 0, ...rest.map((axis) => axis + 1)];
    return reshaped(g, b.node("Transpose", [grouped], { perm }), [depth, -1], x.like);
  };
  const product = b.node("Conv", [images(), turned(dY.value)], {
    group,
    pads: padsOf(windows),
    strides: each(windows, ({ dilation }) => dilation),
    dilations: each(windows, ({ stride }) => stride),
  });
  // Where strides left an end of the image unseen, there are more places than taps.
  const cut = windows.every(({ stride }) => stride === 1)
    ? product
    : b.node("Slice", [
        product,
        b.integers(rest.map(() => 0)),
        b.integers(each(windows, ({ kernel }) => kernel)),
        b.integers(rest),
      ]);
  return turned(cut);
}

/** Tap by tap: [M, places and photos] times the same of X, as the tap sees it, in the layout [C, ..., N]. */
function byTap(g: GradientContext, layer: Layer): string {
  const { x, dY, windows, group, filters, depth } = layer;
  const { b } = g;
  const axes = windows.map((_, i) => i + 2);
  // Long runs matter where they are sliced; where nothing is, exchanging photos and channels alone is less work.
  const sliced = windows.some(({ kernel, stride }) => kernel > 1 || stride > 1);
  const perm = sliced ? [1, ...axes, 0] : [1, 0, ...axes];
  const channelsFirst = (value: string) => b.node("Transpose", [value], { perm });
  const grouped = group > 1;
  const rows = (value: string, count: number) =>
    b.node("Reshape", [value, b.integers(grouped ? [group, count / group, -1] : [count, -1])]);
  const gradients = rows(channelsFirst(dY.value), filters);
  return fromTaps(g, layer, channelsFirst(padded(g, x.value, windows)), 1, (seen) => {
    if (!grouped) return b.node("Gemm", [gradients, rows(seen, depth)], { transB: 1 });
    const columns = b.node("Transpose", [rows(seen, depth * group)], { perm: [0, 2, 1] });
    return b.node("MatMul", [gradients, columns]);
  });
}

/** The longest image, padding included, that is worth multiplying with all rows instead of slicing it for each. */
const MOST_ROWS = 96;

/** Whether {@link byRow} can be used and has something to gain. */
function isByRow(g: GradientContext, { x, dY, windows }: Layer): boolean {
  const [rows] = windows;
  const [heights, outs] = [spatialSizes(g, x.like), spatialSizes(g, dY.like)];
  if (windows.length !== 2 || rows === undefined || !heights || !outs) return false;
  return rows.kernel > 1 && (heights[0] ?? 0) + rows.pads[0] + rows.pads[1] <= MOST_ROWS;
}

/**
 * For one filter a channel. Column by column of the filter: every row of dY times every row of X, as this column sees it, all photos at once. The
 * taps of the column are sums along diagonals of that product. Most of it is not needed, but it is one fast matrix product for each channel, and
 * X is sliced for the columns only instead of for all taps.
 */
function byRow(g: GradientContext, { x, dY, w, windows, filters }: Layer): string {
  const { b } = g;
  const [down, across] = windows;
  const [height = 0, width = 0] = spatialSizes(g, x.like) ?? [];
  const [rows = 0, columns = 0] = spatialSizes(g, dY.like) ?? [];
  if (down === undefined || across === undefined) throw g.unsupported("whose windows are not known");
  const channelsFirst = (value: string) => b.node("Transpose", [value], { perm: [1, 2, 3, 0] });
  const flat = (value: string, count: number) => b.node("Reshape", [value, b.integers([filters, count, -1])]);
  const all = height + down.pads[0] + down.pads[1];
  const image = channelsFirst(padded(g, x.value, windows));
  const gradients = flat(channelsFirst(dY.value), rows);
  const parts = Array.from({ length: across.kernel }, (_, tap) => {
    const from = tap * across.dilation;
    const range = [from, from + (columns - 1) * across.stride + 1, 2, across.stride];
    const whole = range[0] === 0 && range[1] === width + across.pads[0] + across.pads[1];
    const seen =
      whole && across.stride === 1 ? image : b.node("Slice", [image, ...range.map((n) => b.integers([n]))]);
    const columnsOf = b.node("Transpose", [flat(seen, all)], { perm: [0, 2, 1] });
    return b.node("Reshape", [b.node("MatMul", [gradients, columnsOf]), b.integers([filters, rows * all])]);
  });
  const products = b.node("Reshape", [
    parts.length === 1 ? (parts[0] ?? "") : b.node("Concat", parts, { axis: 1 }),
    b.integers([filters * across.kernel, rows * all]),
  ]);
  const taps = b.node("MatMul", [products, b.constant("diagonals", diagonals(down, rows, all))]);
  const byColumn = b.node("Reshape", [taps, b.integers([filters, across.kernel, down.kernel])]);
  return b.node("Reshape", [b.node("Transpose", [byColumn], { perm: [0, 2, 1] }), g.dims(w)]);
}

/** For each tap along an axis, 1 where a row of Y meets the row of the padded image that this tap sees: `[rows * all, taps]`. */
function diagonals({ kernel, stride, dilation }: Window, rows: number, all: number): Tensor {
  const values = new Float32Array(rows * all * kernel);
  for (let row = 0; row < rows; row++)
    for (let tap = 0; tap < kernel; tap++)
      values[(row * all + row * stride + tap * dilation) * kernel + tap] = 1;
  return float32([rows * all, kernel], values);
}

/** Tap by tap and photo by photo: [M, places] times the same of X, added up over the photos. */
function byPhoto(g: GradientContext, layer: Layer): string {
  const { x, dY, windows } = layer;
  const { b } = g;
  const rows = (value: string) => b.node("Reshape", [value, b.integers([0, 0, -1])]);
  const gradients = rows(dY.value);
  return fromTaps(g, layer, padded(g, x.value, windows), 2, (seen) => {
    const columns = b.node("Transpose", [rows(seen)], { perm: [0, 2, 1] });
    return b.node("ReduceSum", [b.node("MatMul", [gradients, columns]), b.integers([0])], { keepdims: 0 });
  });
}

/**
 * The gradients of all taps, put together.
 *
 * @param image - the padded image
 * @param axis - its first spatial axis
 * @param product - makes `[M, C / group]`, in any shape, from the image as a tap sees it
 */
function fromTaps(
  g: GradientContext,
  { dY, windows, w, filters, depth }: Layer,
  image: string,
  axis: number,
  product: (seen: string) => string,
): string {
  const { b } = g;
  const strides = each(windows, ({ stride }) => stride);
  const axes = b.integers(windows.map((_, i) => axis + i));
  const ends = endsOf(g, dY.like, windows);
  const pointwise = windows.every(({ kernel, stride }) => kernel === 1 && stride === 1);
  const parts = tapsOf(windows).map((offsets) => {
    const seen = pointwise
      ? image
      : b.node("Slice", [image, b.integers(offsets), ends(offsets), axes, b.integers(strides)]);
    return b.node("Reshape", [product(seen), b.integers([filters, 1, depth])]);
  });
  const [first = ""] = parts;
  if (parts.length === 1) return b.node("Reshape", [first, g.dims(w)]);
  const all = b.node("Transpose", [b.node("Concat", parts, { axis: 1 })], { perm: [0, 2, 1] });
  return b.node("Reshape", [all, g.dims(w)]);
}

/** Where the slice of a tap ends: at its offset, past all steps but the last. */
function endsOf(
  g: GradientContext,
  like: string,
  windows: readonly Window[],
): (offsets: readonly number[]) => string {
  const { b } = g;
  const sizes = spatialSizes(g, like);
  if (sizes)
    return (offsets) =>
      b.integers(windows.map(({ stride }, i) => ((sizes[i] ?? 1) - 1) * stride + 1 + (offsets[i] ?? 0)));
  const steps = b.node("Mul", [spatialDims(g, like), b.integers(each(windows, ({ stride }) => stride))]);
  return (offsets) =>
    b.node("Add", [steps, b.integers(windows.map(({ stride }, i) => 1 - stride + (offsets[i] ?? 0)))]);
}

/** The offset of every tap from the window's beginning, the last axis running fastest. */
function tapsOf(windows: readonly Window[]): number[][] {
  return windows.reduce<number[][]>(
    (offsets, { kernel, dilation }) =>
      offsets.flatMap((lead) => Array.from({ length: kernel }, (_, tap) => [...lead, tap * dilation])),
    [[]],
  );
}

/** An image with zeros around it, where the windows are padded. */
function padded({ b }: GradientContext, image: string, windows: readonly Window[]): string {
  const [begins, ends] = [each(windows, ({ pads }) => pads[0]), each(windows, ({ pads }) => pads[1])];
  if ([...begins, ...ends].every((pad) => pad === 0)) return image;
  return b.node("Pad", [image, b.integers([0, 0, ...begins, 0, 0, ...ends])]);
}
