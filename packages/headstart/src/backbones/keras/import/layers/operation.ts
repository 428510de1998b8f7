import { z } from "zod";
import type { Dim } from "../../../../onnx/index.js";
import { activate } from "../activations.js";
import type { Emitter, LayerCall } from "../context.js";
import { mapDim, storedAxis } from "../value.js";
import { chain } from "./merge.js";
import { resizing } from "./shape.js";

const TensorFlowFunction = z.object({ function: z.string() });

const Bound = z.int().nullish();
const Slice = z.object({ start: Bound, stop: Bound, step: Bound });
type Slice = z.infer<typeof Slice>;
const SliceMessage = z.union([
  z.object({ class_name: z.literal("__slice__"), config: Slice }).transform(({ config }) => config),
  Slice,
]);
const Ellipsis = z.object({ class_name: z.literal("__ellipsis__") });

const Reduction = z.object({
  axis: z.union([z.int().transform((axis) => [axis]), z.array(z.int())]),
  keepdims: z.boolean().default(false),
});

/** What an operation is called with, as a plain object: the settings of the layer and its named constants. */
function settings(call: LayerCall): Record<string, unknown> {
  const named = [...call.call.named].map(([name, argument]) => [
    name,
    argument.kind === "constant" ? argument.value : undefined,
  ]);
  return { ...call.layer.config, ...Object.fromEntries(named) };
}

const as =
  (name: string): Emitter =>
  (call) =>
    activate(call, { name, options: settings(call) }, call.input());

const unary =
  (op: string): Emitter =>
  (call) => {
    const input = call.input();
    return { ...input, name: call.node(op, [input.name]) };
  };

const nothing: Emitter = (call) => call.input();

/** `x[..., ::-1]` and the like: slices along axes. Single places and new axes are refused. */
const getItem: Emitter = (call) => {
  const input = call.input();
  const rank = input.shape.length;
  const written = call.call.named.get("slice_spec") ?? call.call.positional[1];
  const spec = written?.kind === "constant" ? [written.value].flat() : [];
  const dots = spec.findIndex((part) => Ellipsis.safeParse(part).success);
  const slices = spec.map((part, i): { readonly axis: number; readonly slice: Slice } | undefined => {
    if (i === dots) return undefined;
    const slice = SliceMessage.safeParse(part);
    if (part === null || !slice.success) throw call.unsupported("it picks single places or adds axes");
    return { axis: dots >= 0 && i > dots ? rank - spec.length + i : i, slice: slice.data };
  });
  const used = slices.flatMap((one) => one ?? []).filter(({ slice }) => !isWhole(slice));
  if (spec.length === 0 || used.some(({ axis }) => axis < 1 || axis >= rank))
    throw call.unsupported("it slices the batch, or axes that are not there");
  if (used.length === 0) return input;
  const far = 2 ** 31 - 1;
  const { builder } = call.state;
  const steps = used.map(({ slice }) => slice.step ?? 1);
  const name = call.node("Slice", [
    input.name,
    builder.integers(used.map(({ slice }, i) => slice.start ?? ((steps[i] ?? 1) > 0 ? 0 : far))),
    builder.integers(used.map(({ slice }, i) => slice.stop ?? ((steps[i] ?? 1) > 0 ? far : -far))),
    builder.integers(used.map(({ axis }) => storedAxis(input, axis))),
    builder.integers(steps),
  ]);
  const shape = input.shape.map((size, axis): Dim => {
    const slice = used.find((one) => one.axis === axis)?.slice;
    return slice === undefined ? size : mapDim(size, (n) => lengthOf(call, slice, n));
  });
  return { ...input, name, shape };
};

function isWhole({ start, stop, step }: Slice): boolean {
  return (start ?? 0) === 0 && (stop ?? null) === null && (step ?? 1) === 1;
}

/** How many places a slice picks out of `size`, as Python counts. */
function lengthOf(call: LayerCall, { start, stop, step: written }: Slice, size: number): number {
  const step = written ?? 1;
  if (step === 0) throw call.invalid("it slices with a step of 0");
  const least = step > 0 ? 0 : -1;
  const most = step > 0 ? size : size - 1;
  const place = (bound: number | null | undefined, fallback: number): number =>
    bound === null || bound === undefined
      ? fallback
      : Math.min(most, Math.max(least, bound < 0 ? bound + size : bound));
  const from = place(start, step > 0 ? 0 : size - 1);
  const to = place(stop, step > 0 ? size : -1);
  return Math.max(0, Math.ceil((to - from) / step));
}

const mean: Emitter = (call) => {
  const parsed = Reduction.safeParse(settings(call));
  if (!parsed.success) throw call.unsupported("it does not name the axes of its mean");
  const input = call.input();
  const axes = parsed.data.axis.map((axis) => call.axis(axis, input.shape.length));
  const { keepdims } = parsed.data;
  // Without the means' axes, the layout would not say where the others are, so that they go as Keras has them.
  const read = keepdims || input.shape.length !== 4 ? input : call.keras(input);
  const stored = call.state.builder.integers(axes.map((axis) => storedAxis(read, axis)));
  const name = call.node("ReduceMean", [read.name, stored], { keepdims: keepdims ? 1 : 0 });
  const shape = read.shape.flatMap((size, axis): Dim[] =>
    axes.includes(axis) ? (keepdims ? [1] : []) : [size],
  );
  return { ...read, name, shape };
};

const ImageResize = z.object({
  size: z.tuple([z.int().min(1), z.int().min(1)]),
  method: z.string().default("bilinear"),
  preserve_aspect_ratio: z.literal(false).optional(),
  antialias: z.literal(false).optional(),
});

const imageResize: Emitter = (call) => {
  const first = call.call.positional[1];
  const size = first?.kind === "constant" ? { size: first.value } : {};
  const parsed = ImageResize.safeParse({ ...settings(call), ...size });
  if (!parsed.success) throw call.unsupported("it resizes in another way than to a fixed size");
  const input = call.channelsFirst(call.inputOfRank(4));
  const [batch = "?", , , channels = "?"] = input.shape;
  const attributes = { ...resizing(call, parsed.data.method), axes: [2, 3] };
  const name = call.node(
    "Resize",
    [input.name, "", "", call.state.builder.integers(parsed.data.size)],
    attributes,
  );
  return { ...input, name, shape: [batch, ...parsed.data.size, channels] };
};

/**
 * Functions of TensorFlow that Keras 2 puts into a model where they are used on its tensors, by TensorFlow's names.
 */
const FUNCTIONS: Readonly<Record<string, Emitter>> = {
  "__operators__.add": chain("Add", 2),
  "__operators__.getitem": getItem,
  "image.resize": imageResize,
  "math.add": chain("Add", 2),
  "math.divide": chain("Div", 2),
  "math.maximum": chain("Max", 2),
  "math.minimum": chain("Min", 2),
  "math.multiply": chain("Mul", 2),
  "math.negative": unary("Neg"),
  "math.reduce_mean": mean,
  "math.sigmoid": as("sigmoid"),
  "math.subtract": chain("Sub", 2),
  "math.tanh": as("tanh"),
  "math.truediv": chain("Div", 2),
  "nn.bias_add": chain("Add", 2),
  "nn.elu": as("elu"),
  "nn.gelu": as("gelu"),
  "nn.leaky_relu": as("leaky_relu"),
  "nn.log_softmax": as("log_softmax"),
  "nn.relu": as("relu"),
  "nn.relu6": as("relu6"),
  "nn.selu": as("selu"),
  "nn.sigmoid": as("sigmoid"),
  "nn.silu": as("silu"),
  "nn.softmax": as("softmax"),
  "nn.softplus": as("softplus"),
  "nn.swish": as("silu"),
  "nn.tanh": as("tanh"),
  identity: nothing,
  stop_gradient: nothing,
};

const tensorFlow: Emitter = (call) => {
  const { function: name } = call.config(TensorFlowFunction);
  const emitter = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (emitter === undefined) throw call.unsupported(`TensorFlow's function ${name} is not known`);
  if (call.call.named.get("data_format")?.kind === "constant" && settings(call).data_format === "NCHW")
    throw call.unsupported("it counts channels first");
  return emitter(call);
};

/** Operations that Keras puts into a model where arithmetic is done on its tensors, by class name. */
export const OPERATION: Readonly<Record<string, Emitter>> = {
  Elu: as("elu"),
  Gelu: as("gelu"),
  GetItem: getItem,
  HardSigmoid: as("hard_sigmoid"),
  HardSilu: as("hard_silu"),
  LeakyRelu: as("leaky_relu"),
  LogSoftmax: as("log_softmax"),
  Mean: mean,
  Negative: unary("Neg"),
  Relu: as("relu"),
  Relu6: as("relu6"),
  Selu: as("selu"),
  Sigmoid: as("sigmoid"),
  Silu: as("silu"),
  SlicingOpLambda: tensorFlow,
  Softplus: as("softplus"),
  Softsign: as("softsign"),
  TFOpLambda: tensorFlow,
  Tanh: as("tanh"),
};
