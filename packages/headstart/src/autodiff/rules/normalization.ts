import { elementTypeCode, floatAttribute, intAttribute } from "../../onnx/index.js";
import { reduceTo } from "../broadcast.js";
import { channelSums, perChannel } from "../channels.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/**
 * y = scale (x - mean) / sqrt(var + epsilon) + bias, channel by channel. In inference mean and variance are given, and this is a line in x;
 * derivatives of the rest by the chain rule. In training they are those of the batch: see {@link standardized}, over photos and places.
 */
const batchNormalization: GradientRule = (g, x, scale, _, mean, variance) => {
  const { b, dY } = g;
  const rank = g.rank(x);
  if (intAttribute(g.node, "training_mode", 0) === 1) {
    const axes = [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)];
    const batch = once(() => standardized(g, x, axes));
    return [
      () => batch().gradient(b.node("Mul", [dY, perChannel(g, scale, rank)])),
      () => channelSums(g, b.node("Mul", [dY, batch().value]), rank),
      () => channelSums(g, dY, rank),
    ];
  }
  const inverse = once(() => inverseRoot(g, variance));
  const slope = once(() => b.node("Mul", [scale, inverse()]));
  const bias = once(() => channelSums(g, dY, rank));
  /** sum of dY (x - mean). */
  const moment = once(() => {
    const product = channelSums(g, b.node("Mul", [dY, x]), rank);
    return b.node("Sub", [product, b.node("Mul", [mean, bias()])]);
  });
  const scaleGradient = once(() => b.node("Mul", [moment(), inverse()]));
  return [
    () => b.node("Mul", [dY, perChannel(g, slope(), rank)]),
    scaleGradient,
    bias,
    () => b.node("Neg", [b.node("Mul", [slope(), bias()])]),
    () => {
      // d (var + epsilon)^(-1/2) = -1/2 (var + epsilon)^(-3/2).
      const product = b.node("Mul", [b.node("Mul", [slope(), inverse()]), scaleGradient()]);
      return b.node("Mul", [product, g.scalar(-0.5)]);
    },
  ];
};

/** y = scale xhat + bias, where xhat is x, standardized over `axis` and those behind it (Ba, Kiros and Hinton, Layer normalization, 2016). */
const layerNormalization: GradientRule = (g, x, scale, bias) => {
  const { b, dY } = g;
  const rank = g.rank(x);
  const axis = intAttribute(g.node, "axis", -1);
  const first = axis < 0 ? axis + rank : axis;
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  const row = once(() => standardized(g, x, axes));
  return [
    () => row().gradient(b.node("Mul", [dY, scale])),
    () => reduceTo(g, b.node("Mul", [dY, row().value]), scale),
    () => reduceTo(g, dY, bias ?? ""),
  ];
};

/** As layer normalisation, over the places of each channel of each photo (Ulyanov, Vedaldi and Lempitsky, Instance normalization, 2016). */
const instanceNormalization: GradientRule = (g, x) => grouped(g, x, 0, 0);

/**
 * As layer normalisation, over the channels of a group and their places (Wu and He, Group normalization, 2018). Scale and bias are one number
 * for each group in opset 18, one for each channel from opset 21 on.
 */
const groupNormalization: GradientRule = (g, x, scale) => {
  const groups = intAttribute(g.node, "num_groups", 1);
  const size = g.shape(scale)?.[0];
  if (typeof size !== "number") throw g.unsupported("whose scale has no known size");
  return grouped(g, x, groups, size);
};

/**
 * @param groups - how many groups of channels are standardized apart; 0: each channel
 * @param parameters - how many scales and biases there are; 0: one for each channel
 */
function grouped(
  g: GradientContext,
  x: string,
  groups: number,
  parameters: number,
): ReturnType<GradientRule> {
  const { b, dY, node } = g;
  const [, scale = ""] = node.inputs;
  const parts = (value: string, count: number) => b.node("Reshape", [value, b.integers([0, count, -1])]);
  const group = once(() => standardized(g, parts(x, groups), [2]));
  const gradients = parts(dY, parameters);
  const back = (value: string) => b.node("Reshape", [value, g.dims(x)]);
  return [
    () => {
      const scaled = b.node("Mul", [gradients, perChannel(g, scale, 3)]);
      return back(group().gradient(groups === parameters ? scaled : parts(scaled, groups)));
    },
    () => {
      // Channels of a group lie one behind another, so that its places can be cut into those of each channel.
      const value = groups === parameters ? group().value : parts(group().value, parameters);
      return channelSums(g, b.node("Mul", [gradients, value]), 3);
    },
    () => channelSums(g, gradients, 3),
  ];
}

/** A value, standardized, and how gradients pass through that. */
interface Standardized {
  /** xhat = (x - mean) / sqrt(var + epsilon). */
  readonly value: string;
  /** The gradient of x from that of xhat. */
  gradient(dXhat: string): string;
}

/**
 * Standardizes a value over axes, as the node does, once more. With m elements along the axes, dx = (dxhat - sum(dxhat) / m -
 * xhat sum(dxhat xhat) / m) / sqrt(var + epsilon): Ioffe and Szegedy, Batch normalization, 2015, section 3, simplified.
 */
function standardized(g: GradientContext, x: string, axes: readonly number[]): Standardized {
  const { b } = g;
  const sum = (value: string) => b.node("ReduceSum", [value, b.integers(axes)], { keepdims: 1 });
  const total = sum(x);
  const size = (value: string) =>
    b.node("Cast", [b.node("Size", [value])], { to: elementTypeCode("float64") });
  const ratio = b.node("Div", [size(x), size(total)]);
  const count = b.node("Cast", [ratio], { to: elementTypeCode(g.type(g.y)) });
  const mean = (value: string) => b.node("Div", [sum(value), count]);
  const centred = b.node("Sub", [x, b.node("Div", [total, count])]);
  const inverse = inverseRoot(g, mean(b.node("Mul", [centred, centred])));
  const value = b.node("Mul", [centred, inverse]);
  return {
    value,
    gradient: (dXhat) => {
      const along = b.node("Mul", [value, mean(b.node("Mul", [dXhat, value]))]);
      const rest = b.node("Sub", [b.node("Sub", [dXhat, mean(dXhat)]), along]);
      return b.node("Mul", [rest, inverse]);
    },
  };
}

/** 1 / sqrt(variance + epsilon of the node). */
function inverseRoot(g: GradientContext, variance: string): string {
  const { b, node, scalar } = g;
  const shifted = b.node("Add", [variance, scalar(floatAttribute(node, "epsilon", 1e-5))]);
  return b.node("Reciprocal", [b.node("Sqrt", [shifted])]);
}

/** A value that is made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Values standardized over photos, channels or places, scaled and shifted. */
export const normalization: GradientRules = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
};
