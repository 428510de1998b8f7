import type { GraphBuilder } from "../onnx/index.js";
import { addClipping } from "./clip.js";
import { addMovingMean } from "./ema.js";
import { createUpdate, type Optimiser, slotsOf } from "./optimisers.js";

/** A tensor that goes into a step and comes out of it as `NAME.next`. */
export interface StepTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor of a step that belongs to a parameter and has its shape. */
export interface ParameterTensor extends StepTensor {
  /** Name of the parameter. */
  readonly parameter: string;
}

/** A parameter, and how far it is from the network's answer. */
export interface PlacedParameter extends StepTensor {
  /** Stages of the network between it and the head: 0 in the stage right before the head, -1 in the head itself. */
  readonly depth: number;
}

/** How parameters move. */
export interface UpdateOptions {
  readonly parameters: readonly PlacedParameter[];
  readonly optimiser: Optimiser;
  /** Each stage of the network has this times the learning rate of the stage behind it, the head the full one; 1 by default. */
  readonly layerDecay?: number | undefined;
  /** Gradients longer than this, all together, are shortened to it; `null`, the default, for never. */
  readonly clipNorm?: number | null | undefined;
  /** Whether a running mean of the parameters is kept; false by default. */
  readonly ema?: boolean | undefined;
}

/** The optimiser's memory of each parameter, `NAME.SLOT`. */
export function slotTensors({ parameters, optimiser }: UpdateOptions): ParameterTensor[] {
  return parameters.flatMap(({ name, shape }) =>
    slotsOf(optimiser).map((slot) => ({ name: `${name}.${slot}`, shape, parameter: name })),
  );
}

/** The running mean of each parameter, `ema.NAME`; none where none is kept. */
export function meanTensors({ parameters, ema = false }: UpdateOptions): ParameterTensor[] {
  return ema ? parameters.map(({ name, shape }) => ({ name: `ema.${name}`, shape, parameter: name })) : [];
}

/** Declares what an update reads besides parameters and gradients: slots, means, `learning_rate`, `step` and `ema_decay`. */
export function declareUpdate(b: GraphBuilder, options: UpdateOptions): void {
  for (const { name, shape } of [...slotTensors(options), ...meanTensors(options)])
    b.input(name, "float32", shape);
  b.input("learning_rate", "float32", []);
  b.input("step", "float32", []);
  if (options.ema) b.input("ema_decay", "float32", []);
}

/**
 * Adds an update of all parameters to a graph that {@link declareUpdate} has prepared: clipping, optimiser, running means. Declares the
 * outputs `NAME.next` of parameters, slots and means, and `gradient_norm` where gradients are clipped.
 *
 * Weight decay leaves out parameters that have at most one dimension of more than 1: biases, the scales and shifts of normalisations, and
 * scales of channels however they are laid out, such as [1, C, 1, 1]. (timm and others leave out what has one dimension.)
 *
 * ONNX Runtime goes through a graph from its last end to its first, and in front of each end runs all that it still needs. So the
 * parameters should stand in the order in which their gradients are made, the last first: each gradient is then used as soon as it is there, and what it was
 * made from can be freed.
 *
 * @param b - the graph that the nodes are added to
 * @param options - the parameters, and how they move
 * @param gradientOf - names of the parameters' gradients
 */
export function addUpdates(
  b: GraphBuilder,
  options: UpdateOptions,
  gradientOf: (parameter: string) => string,
): void {
  const { parameters, optimiser, layerDecay = 1, clipNorm = null } = options;
  let gradients = parameters.map(({ name }) => gradientOf(name));
  if (clipNorm !== null) {
    const clipped = addClipping(b, gradients, clipNorm);
    gradients = clipped.gradients;
    b.output("gradient_norm", "float32", [], clipped.norm);
  }
  const update = createUpdate(b, optimiser, "step");
  const rateAt = learningRates(b, layerDecay);
  const rest = options.ema ? b.node("Sub", [b.scalar(1), "ema_decay"]) : "";
  const [slots, means] = [slotTensors(options), meanTensors(options)];
  for (const [index, { name, shape, depth }] of parameters.entries()) {
    const own = slots.filter(({ parameter }) => parameter === name);
    const next = update({
      parameter: name,
      gradient: gradients[index] ?? "",
      slots: own.map((slot) => slot.name),
      learningRate: rateAt(depth),
      decay: shape.filter((size) => size > 1).length > 1,
    });
    for (const [i, slot] of own.entries()) b.output(`${slot.name}.next`, "float32", shape, next.slots[i]);
    const mean = means.find(({ parameter }) => parameter === name);
    if (mean !== undefined) {
      const moved = addMovingMean(b, { mean: mean.name, value: next.parameter, rest });
      b.output(`${mean.name}.next`, "float32", shape, moved);
    }
    b.output(`${name}.next`, "float32", shape, next.parameter);
  }
}

/** The learning rate by depth: `learning_rate * layerDecay^(depth + 1)`. */
function learningRates(b: GraphBuilder, layerDecay: number): (depth: number) => string {
  const rates = new Map<number, string>();
  return (depth) => {
    const factor = layerDecay ** (depth + 1);
    const rate =
      rates.get(factor) ??
      (factor === 1 ? "learning_rate" : b.node("Mul", ["learning_rate", b.scalar(factor)]));
    rates.set(factor, rate);
    return rate;
  };
}
