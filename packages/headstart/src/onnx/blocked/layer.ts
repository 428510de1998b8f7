import {
  type Dim,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
  type ValueInfo,
} from "../graph.js";

/** Channels that are added to reach whole blocks may make the work at most this much larger. */
const MOST_WASTE = 1.5;

/** What is known of the values of a graph. */
export interface Known {
  readonly values: ReadonlyMap<string, ValueInfo>;
  /** Values that depend on no input, which ONNX Runtime itself computes beforehand and lays out. */
  readonly constants: ReadonlySet<string>;
  /** How many channels are in a block. */
  readonly block: number;
}

/** What is known of single values. */
export type Values = Known["values"];

/** A two-dimensional convolution that the blocked layout can do. */
export interface Layer {
  readonly node: Node;
  /** Number of output channels, and the same in whole blocks. */
  readonly filters: number;
  readonly paddedFilters: number;
  /** Number of input channels, and the same in whole blocks. */
  readonly channels: number;
  readonly paddedChannels: number;
  readonly kernel: readonly [number, number];
  /** How its filter is laid out: in blocks of outputs and inputs, of outputs only (for an image of few channels), or one for each channel. */
  readonly kind: "blocks" | "image" | "depthwise";
}

/** A number of channels in whole blocks. */
export function wholeBlocks(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

/** The dimensions of a value, if it is a float32 image `[N, C, H, W]` with a known number of channels. */
export function imageShape(values: Values, value: string): readonly [Dim, number, Dim, Dim] | undefined {
  const info = values.get(value);
  const [photos, channels, height, width, ...more] = info?.shape ?? [];
  if (info?.type !== "float32" || width === undefined || more.length > 0) return undefined;
  if (photos === undefined || typeof channels !== "number" || height === undefined) return undefined;
  return [photos, channels, height, width];
}

/** A `Conv` node as a layer; undefined where the blocked layout cannot do it or has nothing to gain. */
export function convolutionLayer(node: Node, { values, constants, block }: Known): Layer | undefined {
  if (node.op !== "Conv" || node.domain !== "") return undefined;
  const [x = "", w = ""] = node.inputs;
  if (constants.has(w) || !imageShape(values, node.outputs[0] ?? "")) return undefined;
  const shape = values.get(w)?.shape;
  const image = imageShape(values, x);
  if (!image || !shape || !isKnown(shape) || shape.length !== 4) return undefined;
  const [filters = 0, depth = 0, height = 0, width = 0] = shape;
  if (!["", "NOTSET"].includes(stringAttribute(node, "auto_pad", "NOTSET"))) return undefined;
  const group = intAttribute(node, "group", 1);
  const channels = image[1];
  const [paddedFilters, paddedChannels] = [wholeBlocks(filters, block), wholeBlocks(channels, block)];
  const layer = { node, filters, paddedFilters, channels, kernel: [height, width] as const };
  if (group === 1 && channels < block)
    return paddedFilters <= filters * MOST_WASTE
      ? { ...layer, paddedChannels: channels, kind: "image" }
      : undefined;
  const waste = (paddedFilters / filters) * (group === 1 ? paddedChannels / channels : 1);
  if (waste > MOST_WASTE || channels % 4 !== 0) return undefined;
  if (group === 1) return { ...layer, paddedChannels, kind: "blocks" };
  if (group === channels && depth === 1 && filters === channels)
    return { ...layer, paddedChannels, kind: "depthwise" };
  return undefined;
}

/** A transposed convolution, taken apart into convolutions whose results lie between each other. */
export interface TransposedLayer extends Layer {
  /** For each row and column that the stride makes, the convolution whose results lie there. */
  readonly parts: readonly (readonly (Part | undefined)[])[];
  readonly stride: readonly [number, number];
}

/** The taps of a filter that make every stride-th element of the result, along both axes. */
export interface Part {
  readonly rows: Taps;
  readonly columns: Taps;
}

/** Along one axis: which taps of the filter, and how the image is padded for them. */
export interface Taps {
  /** The last tap; the others are a stride apart before it. */
  readonly last: number;
  readonly count: number;
  readonly pads: readonly [number, number];
}

/** A `ConvTranspose` node as convolutions; undefined where the blocked layout cannot do it. */
export function transposedLayer(
  node: Node,
  { values, constants, block }: Known,
): TransposedLayer | undefined {
  if (node.op !== "ConvTranspose" || node.domain !== "") return undefined;
  const [x = "", w = "", bias = ""] = node.inputs;
  const [image, result] = [imageShape(values, x), imageShape(values, node.outputs[0] ?? "")];
  const shape = values.get(w)?.shape;
  if (constants.has(w) || bias !== "" || !image || !result || !shape || !isKnown(shape)) return undefined;
  const [channels = 0, depth = 0, height = 0, width = 0] = shape;
  const dilated = intsAttribute(node, "dilations")?.some((dilation) => dilation !== 1) ?? false;
  const group = intAttribute(node, "group", 1);
  const depthwise = group === channels && depth === 1;
  if (dilated || (group !== 1 && !depthwise)) return undefined;
  const filters = depthwise ? channels : depth;
  if (!["", "NOTSET"].includes(stringAttribute(node, "auto_pad", "NOTSET"))) return undefined;
  if (channels % block !== 0 || filters % block !== 0) return undefined;
  const [, , ...from] = image;
  const [, , ...to] = result;
  const [strides, pads] = [intsAttribute(node, "strides"), intsAttribute(node, "pads")];
  const axes = [height, width].map((kernel, axis) =>
    tapsOfAxis(kernel, strides?.[axis] ?? 1, pads?.[axis] ?? 0, from[axis], to[axis]),
  );
  const [rows, columns] = axes;
  if (!rows || !columns) return undefined;
  const parts = rows.map((row) =>
    columns.map((column) => (row && column ? { rows: row, columns: column } : undefined)),
  );
  return {
    node,
    filters,
    paddedFilters: filters,
    channels,
    paddedChannels: channels,
    kernel: [height, width],
    kind: depthwise ? "depthwise" : "blocks",
    parts,
    stride: [rows.length, columns.length],
  };
}

/**
 * Element o of the result gets x[i] w[t] wherever o + pad = i stride + t. So elements o = stride j + a, for one a, are a convolution of x with
 * those taps of which t = a + pad, but for a multiple of the stride.
 *
 * @returns one item for each a, undefined where no tap belongs to it; undefined where that cannot be laid out evenly
 */
function tapsOfAxis(
  kernel: number,
  stride: number,
  pad: number,
  from: Dim | undefined,
  to: Dim | undefined,
): readonly (Taps | undefined)[] | undefined {
  if (typeof from !== "number" || typeof to !== "number" || to % stride !== 0) return undefined;
  const taps = Array.from({ length: stride }, (_, a): Taps | undefined => {
    const [first, ahead] = [(a + pad) % stride, Math.floor((a + pad) / stride)];
    const count = Math.max(Math.ceil((kernel - first) / stride), 0);
    if (count === 0) return undefined;
    return {
      last: first + stride * (count - 1),
      count,
      pads: [count - 1 - ahead, to / stride - from + ahead],
    };
  });
  const even = taps.every((one) => !one || (one.pads[0] >= 0 && one.pads[1] >= 0));
  return even ? taps : undefined;
}

function isKnown(dims: readonly Dim[]): dims is readonly number[] {
  return dims.every((dim) => typeof dim === "number");
}
