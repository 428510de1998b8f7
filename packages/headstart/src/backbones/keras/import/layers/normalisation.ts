import { z } from "zod";
import { float, float32, floats, type Tensor } from "../../../../onnx/index.js";
import type { WantedWeight } from "../../weights.js";
import { along, filled } from "../along.js";
import type { Emitter, LayerCall } from "../context.js";
import { Count } from "../schemas.js";
import { reshaped } from "../transposed.js";
import { storedShape } from "../value.js";

/** Keras 2 writes an axis as a number or as a list of one. */
const Axis = z.union([z.int(), z.tuple([z.int()]).transform(([axis]) => axis)]);

const Affine = { center: z.boolean().default(true), scale: z.boolean().default(true) };

const Batch = z.object({ ...Affine, axis: Axis.default(-1), epsilon: z.number().default(1e-3) });

const Layer = z.object({
  ...Affine,
  axis: z.union([z.int().transform((axis) => [axis]), z.array(z.int())]).default([-1]),
  epsilon: z.number().default(1e-3),
  rms_scaling: z.boolean().default(false),
});

const Group = z.object({
  ...Affine,
  groups: z.int().default(32),
  axis: Axis.default(-1),
  epsilon: z.number().default(1e-3),
});

const Gamma = z.object({ projection_dim: Count });

/** `gamma` and `beta` as the configuration wants them; ones and zeros stand for those that are not wanted. */
function affine(
  call: LayerCall,
  { scale, center }: { readonly scale: boolean; readonly center: boolean },
  shape: readonly number[],
  more: readonly WantedWeight[] = [],
): { readonly gamma: Tensor; readonly beta: Tensor; readonly others: readonly Tensor[] } {
  const arrays = [
    ...call.weights([
      ...(scale ? [{ name: "gamma", shape }] : []),
      ...(center ? [{ name: "beta", shape }] : []),
      ...more,
    ]),
  ];
  const gamma = scale ? arrays.shift() : undefined;
  const beta = center ? arrays.shift() : undefined;
  return { gamma: gamma ?? filled(shape, 1), beta: beta ?? filled(shape, 0), others: arrays };
}

const batchNormalization: Emitter = (call) => {
  const config = call.config(Batch);
  const given = call.input();
  const rank = given.shape.length;
  const axis = call.axis(config.axis, rank);
  const channels = call.size(given.shape[axis], "the number of its channels");
  const { gamma, beta, others } = affine(
    call,
    config,
    [channels],
    [
      { name: "moving_mean", shape: [channels] },
      { name: "moving_variance", shape: [channels] },
    ],
  );
  const [mean, variance] = others;
  if (mean === undefined || variance === undefined) throw call.invalid("it has no mean and variance");
  const second = axis === 1 && given.layout === "keras";
  if (second || (axis === rank - 1 && (rank === 4 || rank === 2))) {
    const input = second ? given : call.channelsFirst(given);
    const constants = [
      call.constant("gamma", gamma),
      call.constant("beta", beta),
      call.constant("moving_mean", mean),
      call.constant("moving_variance", variance),
    ];
    const attributes = { epsilon: float(config.epsilon) };
    return { ...input, name: call.node("BatchNormalization", [input.name, ...constants], attributes) };
  }
  const { scale, shift } = asScaleAndShift(gamma, beta, mean, variance, config.epsilon);
  const scaled = call.node("Mul", [given.name, along(call, "scale", given, axis, scale)], {}, "scaled");
  return { ...given, name: call.node("Add", [scaled, along(call, "shift", given, axis, shift)]) };
};

/** Normalisation by constants as one factor and one summand for each channel. */
function asScaleAndShift(
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon: number,
): { readonly scale: Tensor; readonly shift: Tensor } {
  const [g, b, m] = [floats(gamma), floats(beta), floats(mean)];
  const scale = floats(variance).map((v, i) => (g[i] ?? 1) / Math.sqrt(v + epsilon));
  const shift = scale.map((s, i) => (b[i] ?? 0) - (m[i] ?? 0) * s);
  return { scale: float32([scale.length], scale), shift: float32([shift.length], shift) };
}

const layerNormalization: Emitter = (call) => {
  const config = call.config(Layer);
  if (config.rms_scaling) throw call.unsupported("it uses rms_scaling");
  const input = call.keras(call.input());
  const rank = input.shape.length;
  const axes = config.axis.map((axis) => call.axis(axis, rank)).sort((a, b) => a - b);
  const first = rank - axes.length;
  if (axes.length === 0 || axes.some((axis, i) => axis !== first + i))
    throw call.unsupported("it normalises axes that are not the last ones");
  const shape = axes.map((axis) => call.size(input.shape[axis], "a size that it normalises"));
  const { gamma, beta } = affine(call, config, shape);
  const constants = [call.constant("gamma", gamma), call.constant("beta", beta)];
  const attributes = { axis: first === rank - 1 ? -1 : first, epsilon: float(config.epsilon) };
  return { ...input, name: call.node("LayerNormalization", [input.name, ...constants], attributes) };
};

/**
 * Each group of channels is brought to mean 0 and variance 1 over its pixels, then scaled and shifted for each
 * channel.
 */
const groupNormalization: Emitter = (call) => {
  const config = call.config(Group);
  const given = call.input();
  const rank = given.shape.length;
  const axis = call.axis(config.axis, rank);
  const second = axis === 1 && given.layout === "keras";
  if (!second && !(rank === 4 && axis === 3) && rank !== 2)
    throw call.unsupported(`it normalises axis ${axis} of a tensor of ${rank} dimensions`);
  const input = second ? given : call.channelsFirst(given);
  const channels = call.size(input.shape[axis], "the number of its channels");
  const groups = config.groups === -1 ? channels : config.groups;
  if (groups < 1 || channels % groups !== 0)
    throw call.invalid(`${channels} channels do not make ${groups} groups`);
  const { gamma, beta } = affine(call, config, [channels]);
  const { builder } = call.state;
  const rows = call.node("Reshape", [input.name, builder.integers([0, groups, -1])], {}, "groups");
  const ones = [call.constant("ones", filled([groups], 1)), call.constant("zeros", filled([groups], 0))];
  const normal = call.node(
    "InstanceNormalization",
    [rows, ...ones],
    { epsilon: float(config.epsilon) },
    "normalised",
  );
  const sizes = storedShape(input).slice(1);
  const shape = sizes.every((size) => typeof size === "number")
    ? builder.integers([0, ...sizes])
    : call.node("Shape", [input.name], {}, "shape");
  const back = call.node("Reshape", [normal, shape], {}, "pictures");
  const scaled = call.node("Mul", [back, along(call, "gamma", input, axis, gamma)], {}, "scaled");
  return { ...input, name: call.node("Add", [scaled, along(call, "beta", input, axis, beta)]) };
};

/** A factor for each channel, as Keras's ConvNeXt has it. */
const layerScale: Emitter = (call) => {
  const { projection_dim } = call.config(Gamma);
  const input = call.input();
  const [gamma] = call.weights([{ name: "gamma", shape: [projection_dim] }]);
  if (gamma === undefined) throw call.invalid("it has no gamma");
  const factor = along(call, "gamma", input, input.shape.length - 1, reshaped(gamma, [projection_dim]));
  return { ...input, name: call.node("Mul", [input.name, factor]) };
};

/** Normalising layers by class name. */
export const NORMALISATION: Readonly<Record<string, Emitter>> = {
  BatchNormalization: batchNormalization,
  BatchNormalizationV1: batchNormalization,
  BatchNormalizationV2: batchNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  LayerScale: layerScale,
  SyncBatchNormalization: batchNormalization,
};
