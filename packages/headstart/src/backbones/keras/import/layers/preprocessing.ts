import { z } from "zod";
import { float32, floats, type Tensor } from "../../../../onnx/index.js";
import { along } from "../along.js";
import type { Emitter, LayerCall } from "../context.js";
import { pictureOf, pictureValue } from "../picture.js";
import { Count, DataFormat, NumberList } from "../schemas.js";
import type { Value } from "../value.js";
import { resizing } from "./shape.js";

const Rescale = z.object({ scale: NumberList, offset: NumberList.default(0) });
const Normalize = z.object({
  axis: z.union([z.int().transform((axis) => [axis]), z.array(z.int())]).nullish(),
  mean: NumberList.nullish(),
  variance: NumberList.nullish(),
  invert: z.boolean().default(false),
});
const Resize = z.object({
  height: Count,
  width: Count,
  interpolation: z.string().default("bilinear"),
  crop_to_aspect_ratio: z.boolean().default(false),
  pad_to_aspect_ratio: z.boolean().default(false),
  antialias: z.boolean().default(false),
  data_format: DataFormat,
});
const Crop = z.object({ height: Count, width: Count, data_format: DataFormat });

/** Keras keeps a standard deviation from becoming smaller than this. */
const EPSILON = 1e-7;

/** A number, or numbers along the last axis, as an operand. */
function operand(call: LayerCall, name: string, value: Value, numbers: number | readonly number[]): string {
  if (typeof numbers === "number") return call.scalar(numbers);
  if (numbers.length === 1) return call.scalar(numbers[0] ?? 0);
  const last = value.shape.length - 1;
  const channels = value.shape[last];
  if (typeof channels === "number" && channels !== numbers.length)
    throw call.invalid(`its ${name} has ${numbers.length} numbers for ${channels} channels`);
  return along(call, name, value, last, float32([numbers.length], numbers));
}

const isAll = (numbers: number | readonly number[], value: number): boolean =>
  [numbers].flat().every((one) => one === value);

const rescaling: Emitter = (call) => {
  const { scale, offset } = call.config(Rescale);
  const input = call.input();
  const shifted = !isAll(offset, 0);
  const scaled = call.node(
    "Mul",
    [input.name, operand(call, "scale", input, scale)],
    {},
    shifted ? "scaled" : undefined,
  );
  if (!shifted) return { ...input, name: scaled };
  return { ...input, name: call.node("Add", [scaled, operand(call, "offset", input, offset)]) };
};

const normalization: Emitter = (call) => {
  const config = call.config(Normalize);
  const input = call.input();
  const rank = input.shape.length;
  const axes = (config.axis ?? []).map((axis) => call.axis(axis, rank));
  const [axis, ...more] = axes;
  if (more.length > 0 || (axis !== undefined && axis !== rank - 1 && config.mean != null))
    throw call.unsupported("it normalises along other axes than the last");
  let { mean, variance } = config;
  if (mean == null || variance == null) {
    const shape = axis === undefined ? [] : [call.size(input.shape[axis], "the number of its channels")];
    const [learned, spread] = call.weights([
      { name: "mean", shape },
      { name: "variance", shape },
    ]);
    [mean, variance] = [numbersOf(learned), numbersOf(spread)];
  }
  const deviation = [variance].flat().map((v) => Math.max(Math.sqrt(v), EPSILON));
  const place = (name: string, numbers: readonly number[]): string => {
    const [only] = numbers;
    if (axis === undefined || numbers.length === 1) return call.scalar(only ?? 0);
    return along(call, name, input, axis, float32([numbers.length], numbers));
  };
  const centre = place("mean", [mean].flat());
  if (config.invert) {
    const spread = call.node("Mul", [input.name, place("deviation", deviation)], {}, "spread");
    return { ...input, name: call.node("Add", [spread, centre]) };
  }
  const centred = call.node("Sub", [input.name, centre], {}, "centred");
  const factor = deviation.map((d) => 1 / d);
  return { ...input, name: call.node("Mul", [centred, place("factor", factor)]) };
};

function numbersOf(tensor: Tensor | undefined): number[] {
  return tensor === undefined ? [] : [...floats(tensor)];
}

const resize: Emitter = (call) => {
  const config = call.config(Resize);
  if (config.crop_to_aspect_ratio || config.pad_to_aspect_ratio)
    throw call.unsupported("it crops or pads to keep the picture's proportions");
  if (config.antialias) throw call.unsupported("it resizes with antialias");
  const picture = pictureOf(call, config.data_format);
  const size = [config.height, config.width] as const;
  const attributes = { ...resizing(call, config.interpolation), axes: [2, 3] };
  const name = call.node("Resize", [picture.name, "", "", call.state.builder.integers(size)], attributes);
  return pictureValue({ ...picture, name, size }, config.data_format);
};

/** The middle of the picture. Keras resizes a picture that is smaller than that, which is not done here. */
const centerCrop: Emitter = (call) => {
  const { height, width, data_format } = call.config(Crop);
  const picture = pictureOf(call, data_format);
  const [tall, wide] = picture.size.map((size) => call.size(size, "the picture's size"));
  if (tall === undefined || wide === undefined || tall < height || wide < width)
    throw call.unsupported("the picture is smaller than the crop");
  const [top, left] = [Math.floor((tall - height) / 2), Math.floor((wide - width) / 2)];
  const { builder } = call.state;
  const name = call.node("Slice", [
    picture.name,
    builder.integers([top, left]),
    builder.integers([top + height, left + width]),
    builder.integers([2, 3]),
  ]);
  return pictureValue({ ...picture, name, size: [height, width] }, data_format);
};

/** In training a part at random, otherwise the picture resized; only a picture that has the size already is taken. */
const randomCrop: Emitter = (call) => {
  const { height, width, data_format } = call.config(Crop);
  const { size } = pictureOf(call, data_format);
  if (size[0] !== height || size[1] !== width)
    throw call.unsupported("the picture has another size than the crop");
  return call.input();
};

/** Preprocessing layers that do something at inference, by class name. */
export const PREPROCESSING: Readonly<Record<string, Emitter>> = {
  CenterCrop: centerCrop,
  Normalization: normalization,
  RandomCrop: randomCrop,
  Rescaling: rescaling,
  Resizing: resize,
};
