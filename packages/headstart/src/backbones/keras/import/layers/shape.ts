import { z } from "zod";
import { type Dim, float32 } from "../../../../onnx/index.js";
import type { Emitter, LayerCall } from "../context.js";
import { orderIsKept } from "../operands.js";
import { pictureOf, pictureValue } from "../picture.js";
import { Count, DataFormat, Pair } from "../schemas.js";
import { mapDim, type Value } from "../value.js";

const Size = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const Sides = z.union([
  Size.transform((n): [[number, number], [number, number]] => [
    [n, n],
    [n, n],
  ]),
  z.tuple([Size, Size]).transform(([h, w]): [[number, number], [number, number]] => [
    [h, h],
    [w, w],
  ]),
  z.tuple([z.tuple([Size, Size]), z.tuple([Size, Size])]),
]);

const ZeroPadding = z.object({
  padding: Sides.default([
    [1, 1],
    [1, 1],
  ]),
  data_format: DataFormat,
});
const Cropping = z.object({
  cropping: Sides.default([
    [0, 0],
    [0, 0],
  ]),
  data_format: DataFormat,
});
const UpSampling = z.object({
  size: Pair.default([2, 2]),
  data_format: DataFormat,
  interpolation: z.string().default("nearest"),
});
const Shape = z.object({ target_shape: z.array(z.int().min(-1)) });
const Dims = z.object({ dims: z.array(Count) });
const Format = z.object({ data_format: DataFormat });

/**
 * Whether pads are those that Keras's applications put before a convolution or pooling of stride 2, worked out for an
 * even size: one pixel less at the front. For an odd size they would have made both sides equal.
 */
function followsSize([begin, end]: readonly [number, number]): boolean {
  return end === begin + 1;
}

const zeroPadding2d: Emitter = (call) => {
  const { padding, data_format } = call.config(ZeroPadding);
  const picture = pictureOf(call, data_format);
  const { builder, paddingFollowsSize } = call.state;
  const [rows, columns] = padding;
  const follows = paddingFollowsSize && followsSize(rows) && followsSize(columns);
  const [height, width] = picture.size;
  if (follows && (typeof height !== "number" || typeof width !== "number")) {
    const none = builder.integers([0, 0]);
    const front = oddness(call, picture.name, [rows[0], columns[0]]);
    const parts = [none, front, none, builder.integers([rows[1], columns[1]])];
    const name = zeros(call, picture.name, call.node("Concat", parts, { axis: 0 }, "pads"));
    const grown = picture.size.map((size, i) =>
      mapDim(size, (n) => n + (i === 0 ? rows : columns)[1] * 2 - 1 + (n % 2)),
    );
    return pictureValue({ ...picture, name, size: [grown[0] ?? "?", grown[1] ?? "?"] }, data_format);
  }
  const side = ([begin, end]: readonly [number, number], size: Dim): readonly [number, number] =>
    follows && typeof size === "number" && size % 2 === 1 ? [end, end] : [begin, end];
  const [top, bottom] = side(rows, height);
  const [left, right] = side(columns, width);
  const name = zeros(call, picture.name, builder.integers([0, 0, top, left, 0, 0, bottom, right]));
  const size = [mapDim(height, (n) => n + top + bottom), mapDim(width, (n) => n + left + right)] as const;
  return pictureValue({ ...picture, name, size }, data_format);
};

/**
 * Zeros around a picture. The axes are named, though they are all: ONNX Runtime then leaves the node alone, which
 * else it merges into a maximum that pads with less than zero.
 */
function zeros(call: LayerCall, picture: string, pads: string): string {
  const axes = call.state.builder.integers([0, 1, 2, 3]);
  return call.node("Pad", [picture, pads, "", axes], { mode: "constant" });
}

/** Pads at the front of height and width: one more where the size is odd. */
function oddness(call: LayerCall, picture: string, even: readonly [number, number]): string {
  const { builder } = call.state;
  const sizes = call.node("Shape", [picture], { start: 2, end: 4 }, "size");
  const odd = call.node("Mod", [sizes, builder.integers([2])], {}, "odd");
  return call.node("Add", [odd, builder.integers(even)], {}, "front");
}

const cropping2d: Emitter = (call) => {
  const { cropping, data_format } = call.config(Cropping);
  const picture = pictureOf(call, data_format);
  const { builder } = call.state;
  const [[top, bottom], [left, right]] = cropping;
  const end = (cut: number): number => (cut === 0 ? 2 ** 31 - 1 : -cut);
  const name = call.node("Slice", [
    picture.name,
    builder.integers([top, left]),
    builder.integers([end(bottom), end(right)]),
    builder.integers([2, 3]),
  ]);
  const [height, width] = picture.size;
  const size = [mapDim(height, (n) => n - top - bottom), mapDim(width, (n) => n - left - right)] as const;
  if (size.some((n) => typeof n === "number" && n < 1)) throw call.invalid("it cuts away the whole picture");
  return pictureValue({ ...picture, name, size }, data_format);
};

const upSampling2d: Emitter = (call) => {
  const { size: factors, data_format, interpolation } = call.config(UpSampling);
  const picture = pictureOf(call, data_format);
  const scales = call.constant("scales", float32([4], [1, 1, ...factors]));
  const name = call.node("Resize", [picture.name, "", scales], resizing(call, interpolation));
  const [height, width] = picture.size;
  const size = [mapDim(height, (n) => n * factors[0]), mapDim(width, (n) => n * factors[1])] as const;
  return pictureValue({ ...picture, name, size }, data_format);
};

/** Attributes of `Resize` for an interpolation as TensorFlow does it, about the centres of pixels. */
export function resizing(call: LayerCall, interpolation: string): Readonly<Record<string, string>> {
  const mode = { nearest: "nearest", bilinear: "linear" }[interpolation];
  if (mode === undefined) throw call.unsupported(`it interpolates by ${interpolation}`);
  return {
    mode,
    coordinate_transformation_mode: "half_pixel",
    ...(mode === "nearest" ? { nearest_mode: "round_prefer_ceil" } : {}),
  };
}

const reshape: Emitter = (call) => {
  const { target_shape: target } = call.config(Shape);
  return toShape(call, target);
};

const flatten: Emitter = (call) => {
  const { data_format } = call.config(Format);
  const given = call.input();
  if (given.shape.length === 2) return given;
  if (data_format === "channels_first" && given.shape.length === 4) {
    // Keras brings the channels to the end first.
    const moved = call.node("Transpose", [call.keras(given).name], { perm: [0, 2, 3, 1] }, "channels_last");
    return rows(call, { ...call.keras(given), name: moved });
  }
  return rows(call, orderIsKept(given) ? given : call.keras(given));
};

function rows(call: LayerCall, value: Value): Value {
  const name = call.node("Flatten", [value.name], { axis: 1 });
  return { name, shape: [value.shape[0] ?? "?", product(value.shape.slice(1))], layout: "keras" };
}

/**
 * Reshapes each example. A picture of one pixel is made with its channels in front, as a convolution will want it.
 */
function toShape(call: LayerCall, target: readonly number[]): Value {
  const given = call.input();
  const input = orderIsKept(given) ? given : call.keras(given);
  const total = product(input.shape.slice(1));
  const free = target.filter((size) => size === -1).length;
  const rest = target.reduce((all, size) => (size === -1 ? all : all * size), 1);
  if (free > 1) throw call.invalid("its target has more than one free size");
  if (typeof total === "number" && (free === 1 ? rest === 0 || total % rest !== 0 : total !== rest))
    throw call.invalid(`${total} numbers do not make a shape of [${target.join(", ")}]`);
  const sizes = target.map((size): Dim => (size === -1 ? mapDim(total, (n) => n / rest) : size));
  const shape = [input.shape[0] ?? "?", ...sizes];
  const [height, width, channels] = sizes;
  const front = sizes.length === 3 && height === 1 && width === 1;
  const written = front ? [channels ?? "?", 1, 1] : sizes;
  const dims = call.state.builder.integers([
    0,
    ...written.map((size) => (typeof size === "number" ? size : -1)),
  ]);
  const name = call.node("Reshape", [input.name, dims]);
  return { name, shape, layout: front ? "channels-first" : "keras" };
}

const permute: Emitter = (call) => {
  const { dims } = call.config(Dims);
  const input = call.keras(call.input());
  const rank = input.shape.length;
  if ([...dims].sort((a, b) => a - b).join() !== Array.from({ length: rank - 1 }, (_, i) => i + 1).join())
    throw call.invalid(`[${dims.join(", ")}] is no order of its ${rank - 1} axes`);
  const perm = [0, ...dims];
  const name = call.node("Transpose", [input.name], { perm });
  return { name, shape: perm.map((axis) => input.shape[axis] ?? "?"), layout: "keras" };
};

function product(dims: readonly Dim[]): Dim {
  return dims.reduce<Dim>(
    (all, dim) => (typeof all === "number" && typeof dim === "number" ? all * dim : "?"),
    1,
  );
}

/** Layers that change a tensor's shape, by class name. */
export const SHAPE: Readonly<Record<string, Emitter>> = {
  Cropping2D: cropping2d,
  Flatten: flatten,
  Permute: permute,
  Reshape: reshape,
  UpSampling2D: upSampling2d,
  ZeroPadding2D: zeroPadding2d,
};
