import { z } from "zod";
import { activate, readActivation } from "../activations.js";
import type { Emitter } from "../context.js";
import { transposed } from "../transposed.js";

const Config = z.object({ activation: z.unknown().optional() });
const Shared = z.object({ shared_axes: z.array(z.int()).nullish() });

const activation: Emitter = (call) =>
  activate(call, readActivation(call, call.config(Config).activation), call.input());

/** A layer that is an activation, with its configuration as settings. */
const as =
  (name: string): Emitter =>
  (call) =>
    activate(call, { name, options: call.layer.config }, call.input());

/** Slopes below zero, one for each element of an example; axes that share them have size 1. */
const prelu: Emitter = (call) => {
  const { shared_axes } = call.config(Shared);
  const input = call.input();
  const rank = input.shape.length;
  const shared = new Set((shared_axes ?? []).map((axis) => call.axis(axis, rank)));
  const shape = input.shape
    .slice(1)
    .map((dim, i) => (shared.has(i + 1) ? 1 : call.size(dim, "a size that its slopes depend on")));
  const [slopes] = call.weights([{ name: "alpha", shape }]);
  if (slopes === undefined) throw call.invalid("it has no slopes");
  const stored = input.layout === "channels-first" ? transposed(slopes, [2, 0, 1]) : slopes;
  return { ...input, name: call.node("PRelu", [input.name, call.constant("alpha", stored)]) };
};

/** Activations as layers, by class name. */
export const ACTIVATION: Readonly<Record<string, Emitter>> = {
  Activation: activation,
  ELU: as("elu"),
  LeakyReLU: as("leaky_relu"),
  PReLU: prelu,
  ReLU: as("relu"),
  Softmax: as("softmax"),
  ThresholdedReLU: as("relu"),
};
