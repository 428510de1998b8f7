import { z } from "zod";
import type { Tensor } from "../../../../onnx/index.js";
import type { WantedWeight } from "../../weights.js";
import { activate, readActivation } from "../activations.js";
import type { Emitter, LayerCall } from "../context.js";
import { slide } from "../padding.js";
import { type Picture, pictureOf, pictureValue } from "../picture.js";
import { Border, Count, DataFormat, Pair } from "../schemas.js";
import { reshaped, transposed } from "../transposed.js";
import { mapDim } from "../value.js";

const Common = {
  kernel_size: Pair,
  strides: Pair.default([1, 1]),
  padding: Border.default("valid"),
  data_format: DataFormat,
  dilation_rate: Pair.default([1, 1]),
  activation: z.unknown().optional(),
  use_bias: z.boolean().default(true),
};

const Convolution = z.object({ ...Common, filters: Count, groups: Count.default(1) });
const Depthwise = z.object({ ...Common, depth_multiplier: Count.default(1) });
const Separable = z.object({ ...Common, filters: Count, depth_multiplier: Count.default(1) });
const Transposing = z.object({ ...Common, filters: Count, output_padding: z.unknown().optional() });

const bias = (use: boolean, size: number): WantedWeight[] => (use ? [{ name: "bias", shape: [size] }] : []);

/** A layer of one convolution: its kernel as Keras has it and as ONNX wants it, its groups, and how many channels it makes. */
interface OneConvolution {
  readonly kernel: WantedWeight;
  readonly arrange: (kernel: Tensor) => string;
  readonly groups: number;
  readonly filters: number;
}

function convolve(
  call: LayerCall,
  config: z.infer<typeof Convolution> | z.infer<typeof Depthwise>,
  picture: Picture,
  { kernel: wanted, arrange, groups, filters }: OneConvolution,
): ReturnType<Emitter> {
  const [kernel, ...rest] = call.weights([wanted, ...bias(config.use_bias, filters)]);
  if (kernel === undefined) throw call.invalid("it has no kernel");
  const { attributes, size } = slide(call, picture.size, {
    border: config.padding,
    kernel: config.kernel_size,
    strides: config.strides,
    dilations: config.dilation_rate,
  });
  const activation = readActivation(call, config.activation);
  const name = call.node(
    "Conv",
    [picture.name, arrange(kernel), ...rest.map((tensor) => call.constant("bias", tensor))],
    groups === 1 ? attributes : { ...attributes, group: groups },
    activation && "conv",
  );
  const made = pictureValue({ ...picture, name, channels: filters, size }, config.data_format);
  return activate(call, activation, made);
}

const conv2d: Emitter = (call) => {
  const config = call.config(Convolution);
  const picture = pictureOf(call, config.data_format);
  const channels = call.size(picture.channels, "its number of input channels");
  const { filters, groups, kernel_size } = config;
  if (channels % groups !== 0 || filters % groups !== 0)
    throw call.invalid(`${channels} channels and ${filters} filters do not make ${groups} groups`);
  return convolve(call, config, picture, {
    kernel: { name: "kernel", shape: [...kernel_size, channels / groups, filters] },
    arrange: (kernel) => call.constant("kernel", transposed(kernel, [3, 2, 0, 1])),
    groups,
    filters,
  });
};

/** Kernels `[H, W, C, M]` to `[C M, 1, H, W]`: every channel has `M` filters of its own. */
function depthwiseKernel(
  call: LayerCall,
  kernel: ReturnType<LayerCall["weights"]>[number],
  name: string,
): string {
  const [height = 1, width = 1, channels = 1, multiplier = 1] = kernel.dims;
  const moved = transposed(kernel, [2, 3, 0, 1]);
  return call.constant(name, reshaped(moved, [channels * multiplier, 1, height, width]));
}

const depthwiseConv2d: Emitter = (call) => {
  const config = call.config(Depthwise);
  const picture = pictureOf(call, config.data_format);
  const channels = call.size(picture.channels, "its number of input channels");
  const { depth_multiplier, kernel_size } = config;
  return convolve(call, config, picture, {
    kernel: { name: "depthwise_kernel", shape: [...kernel_size, channels, depth_multiplier] },
    arrange: (kernel) => depthwiseKernel(call, kernel, "depthwise_kernel"),
    groups: channels,
    filters: channels * depth_multiplier,
  });
};

/** A depthwise convolution, then one of 1 x 1 over the channels. */
const separableConv2d: Emitter = (call) => {
  const config = call.config(Separable);
  const picture = pictureOf(call, config.data_format);
  const channels = call.size(picture.channels, "its number of input channels");
  const { depth_multiplier, filters, kernel_size } = config;
  const between = channels * depth_multiplier;
  const [depthwise, pointwise, ...rest] = call.weights([
    { name: "depthwise_kernel", shape: [...kernel_size, channels, depth_multiplier] },
    { name: "pointwise_kernel", shape: [1, 1, between, filters] },
    ...bias(config.use_bias, filters),
  ]);
  if (depthwise === undefined || pointwise === undefined) throw call.invalid("it has no kernels");
  const { attributes, size } = slide(call, picture.size, {
    border: config.padding,
    kernel: kernel_size,
    strides: config.strides,
    dilations: config.dilation_rate,
  });
  const activation = readActivation(call, config.activation);
  const middle = call.node(
    "Conv",
    [picture.name, depthwiseKernel(call, depthwise, "depthwise_kernel")],
    { ...attributes, group: channels },
    "depthwise",
  );
  const name = call.node(
    "Conv",
    [
      middle,
      call.constant("pointwise_kernel", transposed(pointwise, [3, 2, 0, 1])),
      ...rest.map((tensor) => call.constant("bias", tensor)),
    ],
    { kernel_shape: [1, 1] },
    activation && "pointwise",
  );
  return activate(
    call,
    activation,
    pictureValue({ ...picture, name, channels: filters, size }, config.data_format),
  );
};

/**
 * Kernels stand as `[H, W, filters, channels]`; with `same` the output is `size x stride`, with `valid` nothing is
 * cut off.
 */
const conv2dTranspose: Emitter = (call) => {
  const config = call.config(Transposing);
  if (config.output_padding !== undefined && config.output_padding !== null)
    throw call.unsupported("it sets output_padding");
  const picture = pictureOf(call, config.data_format);
  const channels = call.size(picture.channels, "its number of input channels");
  const { filters, kernel_size, strides, dilation_rate } = config;
  const [kernel, ...rest] = call.weights([
    { name: "kernel", shape: [...kernel_size, filters, channels] },
    ...bias(config.use_bias, filters),
  ]);
  if (kernel === undefined) throw call.invalid("it has no kernel");
  const along = ([0, 1] as const).map((axis) => {
    const over = (kernel_size[axis] - 1) * dilation_rate[axis] + 1 - strides[axis];
    const cut = config.padding === "same" ? Math.max(0, over) : 0;
    const begin = Math.floor(cut / 2);
    const size = mapDim(picture.size[axis], (n) => n * strides[axis] + Math.max(0, over) - cut);
    return { begin, end: cut - begin, more: Math.max(0, -over), size };
  });
  const [height, width] = along;
  if (height === undefined || width === undefined) throw call.invalid("it has no size");
  const activation = readActivation(call, config.activation);
  const name = call.node(
    "ConvTranspose",
    [
      picture.name,
      call.constant("kernel", transposed(kernel, [3, 2, 0, 1])),
      ...rest.map((tensor) => call.constant("bias", tensor)),
    ],
    {
      kernel_shape: kernel_size,
      strides,
      dilations: dilation_rate,
      pads: [height.begin, width.begin, height.end, width.end],
      output_padding: [height.more, width.more],
    },
    activation && "conv",
  );
  const size = [height.size, width.size] as const;
  return activate(
    call,
    activation,
    pictureValue({ ...picture, name, channels: filters, size }, config.data_format),
  );
};

/** Convolutions by class name. */
export const CONVOLUTION: Readonly<Record<string, Emitter>> = {
  Conv2D: conv2d,
  Convolution2D: conv2d,
  Conv2DTranspose: conv2dTranspose,
  Convolution2DTranspose: conv2dTranspose,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  SeparableConvolution2D: separableConv2d,
};
