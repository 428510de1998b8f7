import { type Dim, type Node, stringAttribute } from "../graph.js";
import type { Known, NodeContext, ShapeRule } from "./context.js";

/** How a window slides along one axis. */
interface Window {
  readonly kernel: Dim;
  readonly stride: number;
  readonly dilation: number;
  readonly pads: readonly [number, number];
}

function windows(node: NodeContext, kernels: readonly Dim[]): Window[] {
  const count = kernels.length;
  const list = (name: string, length: number, fallback: number): readonly number[] => {
    const values = node.ints(name) ?? Array.from({ length }, () => fallback);
    if (values.length !== length)
      throw node.error(`${name} has ${values.length} numbers for ${count} spatial dimensions`);
    return values;
  };
  const strides = list("strides", count, 1);
  const dilations = list("dilations", count, 1);
  const pads = list("pads", 2 * count, 0);
  return kernels.map((kernel, i) => {
    const stride = strides[i] ?? 1;
    const dilation = dilations[i] ?? 1;
    if (stride < 1 || dilation < 1) throw node.error("strides and dilations must be at least 1");
    return { kernel, stride, dilation, pads: [pads[i] ?? 0, pads[i + count] ?? 0] };
  });
}

/** Size along one axis after a window has slid over it; with `ceil` a last window may hang over the end. */
function slide(node: NodeContext, size: Dim, window: Window, ceil = false): Dim {
  const { symbols } = node;
  const { kernel, stride, dilation, pads } = window;
  const auto = stringAttribute(node.node, "auto_pad", "NOTSET");
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") return symbols.ceilDivide(size, stride);
  const reach = symbols.add(symbols.multiply(dilation, symbols.subtract(kernel, 1)), 1);
  const padding = auto === "VALID" ? 0 : pads[0] + pads[1];
  const room = symbols.subtract(symbols.add(size, padding), reach);
  if (typeof room === "number" && room < 0)
    throw node.error(`a window of ${reach} does not fit into ${size} with padding ${padding}`);
  const steps = ceil ? symbols.ceilDivide(room, stride) : symbols.floorDivide(room, stride);
  const count = symbols.add(steps, 1);
  // A window that would begin in the padding behind the end is left out.
  if (ceil && typeof steps === "number" && typeof size === "number" && steps * stride >= size + pads[0])
    return steps;
  return count;
}

function convolution(image: number, weight: number, type: (node: NodeContext) => Known["type"]): ShapeRule {
  return (node) => {
    const x = node.shape(image);
    const w = node.shape(weight);
    if (x === undefined || w === undefined) return [{ type: type(node) }];
    if (x.length < 3) throw node.error(`it needs an image, but its input has the shape [${x.join(", ")}]`);
    node.expectRank(w, x.length, "its weight");
    const [batch = "?", channels = "?", ...sizes] = x;
    const [filters = "?", depth = "?", ...kernels] = w;
    const group = node.int("group", 1);
    node.same(channels, node.symbols.multiply(depth, group), "the number of input channels");
    const sliding = windows(node, kernels);
    return [
      {
        type: type(node),
        shape: [batch, filters, ...sizes.map((size, i) => slide(node, size, at(sliding, i)))],
      },
    ];
  };
}

const convTranspose: ShapeRule = (node) => {
  const x = node.shape(0);
  const w = node.shape(1);
  if (x === undefined || w === undefined) return [{ type: node.type(0) }];
  if (x.length < 3) throw node.error(`it needs an image, but its input has the shape [${x.join(", ")}]`);
  node.expectRank(w, x.length, "its weight");
  const { symbols } = node;
  const [batch = "?", channels = "?", ...sizes] = x;
  const [depth = "?", filters = "?", ...kernels] = w;
  node.same(channels, depth, "the number of input channels");
  const given = node.ints("output_shape");
  const extra = node.ints("output_padding");
  const auto = stringAttribute(node.node, "auto_pad", "NOTSET");
  const sliding = windows(node, kernels);
  const grown = sizes.map((size, i): Dim => {
    const fixed = given?.at(i - sizes.length);
    if (fixed !== undefined) return fixed;
    const { stride, dilation, kernel, pads } = at(sliding, i);
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") return symbols.multiply(size, stride);
    const reach = symbols.add(symbols.multiply(dilation, symbols.subtract(kernel, 1)), 1);
    const spread = symbols.multiply(symbols.subtract(size, 1), stride);
    const padding = auto === "VALID" ? 0 : pads[0] + pads[1];
    return symbols.add(symbols.add(spread, reach), (extra?.[i] ?? 0) - padding);
  });
  return [{ type: node.type(0), shape: [batch, symbols.multiply(filters, node.int("group", 1)), ...grown] }];
};

const pool: ShapeRule = (node) => {
  const x = node.shape(0);
  const kernels = node.ints("kernel_shape");
  if (x === undefined) return [{ type: node.type(0) }, { type: "int64" }];
  if (kernels === undefined) throw node.error("it has no kernel_shape");
  node.expectRank(x, kernels.length + 2, "its input");
  const sliding = windows(node, kernels);
  const ceil = node.int("ceil_mode", 0) === 1;
  const shape = x.map((size, i) => (i < 2 ? size : slide(node, size, at(sliding, i - 2), ceil)));
  return [
    { type: node.type(0), shape },
    { type: "int64", shape },
  ];
};

const globalPool: ShapeRule = (node) => [
  { type: node.type(0), shape: node.shape(0)?.map((size, i) => (i < 2 ? size : 1)) },
];

function at(list: readonly Window[], i: number): Window {
  return list[i] ?? { kernel: "?", stride: 1, dilation: 1, pads: [0, 0] };
}

/** `Resize`, and `Upsample` from before opset 10 with its scales as an attribute or second input. */
const resize: ShapeRule = (node) => {
  const x = node.shape(0);
  if (x === undefined) return [{ type: node.type(0) }];
  const upsample = node.node.op === "Upsample" || node.opset < 11;
  const scales = floatsAttribute(node.node, "scales") ?? elementsOf(node, upsample ? 1 : 2);
  const sizes = upsample ? undefined : elementsOf(node, 3);
  const axes = (node.ints("axes") ?? x.map((_, i) => i)).map((axis) => node.axis(axis, x.length));
  const stretch = stringAttribute(node.node, "keep_aspect_ratio_policy", "stretch") === "stretch";
  const shape = x.map((size, axis): Dim => {
    const i = axes.indexOf(axis);
    if (i < 0) return size;
    if (sizes !== undefined) return stretch ? (sizes[i] ?? "?") : "?";
    const scale = scales?.[i] ?? "?";
    if (scale === 1) return size;
    if (typeof scale !== "number") return "?";
    // A scale is a float32; ONNX Runtime multiplies in that precision before it rounds down.
    if (typeof size === "number") return Math.floor(Math.fround(size * Math.fround(scale)));
    if (Number.isInteger(scale)) return node.symbols.multiply(size, scale);
    return Number.isInteger(1 / scale) ? node.symbols.floorDivide(size, 1 / scale) : "?";
  });
  return [{ type: node.type(0), shape }];
};

function floatsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "floats" ? attribute.value : undefined;
}

function elementsOf(node: NodeContext, input: number): readonly Dim[] | undefined {
  const elements = node.has(input) ? node.elements(input) : undefined;
  return elements?.length === 0 ? undefined : elements;
}

/** The picture has the first input's batch and channels and the grid's size. */
const gridSample: ShapeRule = (node) => {
  const x = node.shape(0);
  const grid = node.shape(1);
  if (x === undefined || grid === undefined) return [{ type: node.type(0) }];
  node.expectRank(grid, x.length, "its grid");
  const [batch = "?", channels = "?"] = x;
  const [gridBatch = "?", ...sizes] = grid;
  return [
    {
      type: node.type(0),
      shape: [node.same(batch, gridBatch, "the number of pictures"), channels, ...sizes.slice(0, -1)],
    },
  ];
};

/** A grid `[N, H, W, 2]` for a size `[N, C, H, W]`, or `[N, D, H, W, 3]`. */
const affineGrid: ShapeRule = (node) => {
  const size = node.elements(1);
  if (size === undefined) return [{ type: node.type(0) }];
  const [batch = "?", , ...sizes] = size;
  return [{ type: node.type(0), shape: [batch, ...sizes, sizes.length] }];
};

const roiAlign: ShapeRule = (node) => {
  const [x, rois] = [node.shape(0), node.shape(1)];
  if (x === undefined || rois === undefined) return [{ type: node.type(0) }];
  const size = [node.int("output_height", 1), node.int("output_width", 1)];
  return [{ type: node.type(0), shape: [rois[0] ?? "?", x[1] ?? "?", ...size] }];
};

/** Blocks of pixels to channels and back. */
const depthToSpace: ShapeRule = (node) => {
  const x = node.shape(0);
  const block = node.int("blocksize", 1);
  if (x === undefined || x.length !== 4 || block < 1) return [{ type: node.type(0) }];
  const [batch = "?", channels = "?", height = "?", width = "?"] = x;
  const { symbols } = node;
  const up = node.node.op === "DepthToSpace";
  const spatial = (size: Dim): Dim =>
    up ? symbols.multiply(size, block) : (symbols.divideExactly(size, block) ?? "?");
  const depth = up
    ? (symbols.divideExactly(channels, block ** 2) ?? "?")
    : symbols.multiply(channels, block ** 2);
  return [{ type: node.type(0), shape: [batch, depth, spatial(height), spatial(width)] }];
};

/** Operators on images. */
export const SPATIAL: Readonly<Record<string, ShapeRule>> = {
  Conv: convolution(0, 1, (node) => node.type(0)),
  ConvInteger: convolution(0, 1, () => "int32"),
  QLinearConv: convolution(0, 3, (node) => node.type(7)),
  ConvTranspose: convTranspose,
  AveragePool: pool,
  LpPool: pool,
  MaxPool: pool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  GlobalMaxPool: globalPool,
  Resize: resize,
  Upsample: resize,
  GridSample: gridSample,
  RoiAlign: roiAlign,
  AffineGrid: affineGrid,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
};
