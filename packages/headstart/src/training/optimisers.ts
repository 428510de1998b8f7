import type { GraphBuilder } from "../onnx/index.js";

/** Stochastic gradient descent, as `torch.optim.SGD` with no dampening. */
export interface Sgd {
  readonly kind: "sgd";
  /** Size of a step; a schedule may scale it. */
  readonly learningRate: number;
  /** Part of the last direction that is kept; 0 by default. */
  readonly momentum?: number;
  /** Looks one step of momentum ahead; false by default. */
  readonly nesterov?: boolean;
  /** L2 penalty: this much of the parameter is added to its gradient; 0 by default. */
  readonly weightDecay?: number;
}

/** RMSprop with epsilon outside the root, as Keras 2 and `torch.optim.RMSprop` have it. */
export interface Rmsprop {
  readonly kind: "rmsprop";
  /** Size of a step; a schedule may scale it. */
  readonly learningRate: number;
  /** Part of the mean square that is kept at each step (torch calls it alpha). */
  readonly rho: number;
  /** Added to the root of the mean square. */
  readonly epsilon: number;
}

/** Adam (Kingma and Ba, 2015) with bias correction, as `torch.optim.Adam`. */
export interface Adam {
  readonly kind: "adam";
  /** Size of a step; a schedule may scale it. */
  readonly learningRate: number;
  /** Part of the first moment that is kept at each step. */
  readonly beta1: number;
  /** Part of the second moment that is kept at each step. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`. */
export interface AdamW extends Omit<Adam, "kind"> {
  readonly kind: "adamw";
  /** The parameter shrinks by learning rate x this at each step, apart from its gradient. */
  readonly weightDecay: number;
}

/** A rule that turns a gradient into new parameters, one step at a time. */
export type Optimiser = Sgd | Rmsprop | Adam | AdamW;

/** What {@link addUpdate} works on: names of values in the graph. */
export interface UpdateInputs {
  /** The parameter, of any shape. */
  readonly parameter: string;
  /** Gradient of the loss with respect to the parameter, of its shape. */
  readonly gradient: string;
  /** The optimiser's memory, each of the parameter's shape, in the order of {@link slotsOf}. Before the first step: zeros. */
  readonly slots: readonly string[];
  /** Float scalar: the learning rate of this step. */
  readonly learningRate: string;
  /** Float scalar: which step it is, counted from 1. */
  readonly step: string;
}

/**
 * Names of what an optimiser remembers about each parameter from step to step, each a tensor of the parameter's shape that starts as zeros.
 *
 * @example
 * slotsOf({ kind: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }) // => ["first_moment", "second_moment"]
 */
export function slotsOf(optimiser: Optimiser): readonly string[] {
  switch (optimiser.kind) {
    case "sgd":
      return optimiser.momentum ? ["momentum"] : [];
    case "rmsprop":
      return ["mean_square"];
    case "adam":
    case "adamw":
      return ["first_moment", "second_moment"];
  }
}

/**
 * Adds one optimiser step for one parameter to a graph. The learning rate comes from the graph, not from the optimiser, so that a
 * schedule can change it from step to step.
 *
 * @param builder - the graph that the nodes are added to
 * @param optimiser - the rule
 * @param inputs - names of the values it reads
 * @returns names of the new parameter and the new slots, in the order of {@link slotsOf}
 */
export function addUpdate(
  builder: GraphBuilder,
  optimiser: Optimiser,
  inputs: UpdateInputs,
): { parameter: string; slots: string[] } {
  switch (optimiser.kind) {
    case "sgd":
      return addSgd(builder, optimiser, inputs);
    case "rmsprop":
      return addRmsprop(builder, optimiser, inputs);
    case "adam":
      return addAdam(builder, optimiser, inputs, 0);
    case "adamw":
      return addAdam(builder, optimiser, inputs, optimiser.weightDecay);
  }
}

function addSgd(
  b: GraphBuilder,
  { momentum = 0, nesterov = false, weightDecay = 0 }: Sgd,
  { parameter, gradient, slots: [velocity], learningRate }: UpdateInputs,
): { parameter: string; slots: string[] } {
  const slope = weightDecay
    ? b.node("Add", [gradient, b.node("Mul", [parameter, b.scalar(weightDecay)])])
    : gradient;
  if (!momentum || velocity === undefined)
    return { parameter: descend(b, parameter, learningRate, slope), slots: [] };
  const next = b.node("Add", [b.node("Mul", [velocity, b.scalar(momentum)]), slope]);
  const direction = nesterov ? b.node("Add", [slope, b.node("Mul", [next, b.scalar(momentum)])]) : next;
  return { parameter: descend(b, parameter, learningRate, direction), slots: [next] };
}

function addRmsprop(
  b: GraphBuilder,
  { rho, epsilon }: Rmsprop,
  { parameter, gradient, slots: [meanSquare = ""], learningRate }: UpdateInputs,
): { parameter: string; slots: string[] } {
  const next = blend(b, meanSquare, b.node("Mul", [gradient, gradient]), rho);
  const scale = b.node("Add", [b.node("Sqrt", [next]), b.scalar(epsilon)]);
  return { parameter: descend(b, parameter, learningRate, b.node("Div", [gradient, scale])), slots: [next] };
}

function addAdam(
  b: GraphBuilder,
  { beta1, beta2, epsilon }: Omit<Adam, "kind">,
  { parameter, gradient, slots: [first = "", second = ""], learningRate, step }: UpdateInputs,
  weightDecay: number,
): { parameter: string; slots: string[] } {
  const shrunk = weightDecay
    ? descend(b, parameter, b.node("Mul", [learningRate, b.scalar(weightDecay)]), parameter)
    : parameter;
  const nextFirst = blend(b, first, gradient, beta1);
  const nextSecond = blend(b, second, b.node("Mul", [gradient, gradient]), beta2);
  const mean = b.node("Div", [nextFirst, oneMinusPower(b, beta1, step)]);
  const square = b.node("Div", [nextSecond, oneMinusPower(b, beta2, step)]);
  const scale = b.node("Add", [b.node("Sqrt", [square]), b.scalar(epsilon)]);
  return {
    parameter: descend(b, shrunk, learningRate, b.node("Div", [mean, scale])),
    slots: [nextFirst, nextSecond],
  };
}

/** `parameter - rate * direction`. */
function descend(b: GraphBuilder, parameter: string, rate: string, direction: string): string {
  return b.node("Sub", [parameter, b.node("Mul", [rate, direction])]);
}

/** `keep * old + (1 - keep) * fresh`: a running mean. */
function blend(b: GraphBuilder, old: string, fresh: string, keep: number): string {
  return b.node("Add", [b.node("Mul", [old, b.scalar(keep)]), b.node("Mul", [fresh, b.scalar(1 - keep)])]);
}

/**
 * `1 - base^step` in float32 without the digits that the plain formula loses where `base^step` is close to 1:
 * `1 - e^-2h = 2 tanh(h) / (1 + tanh(h))` with `h = -step * ln(base) / 2`.
 */
function oneMinusPower(b: GraphBuilder, base: number, step: string): string {
  if (base === 0) return b.scalar(1);
  const tanh = b.node("Tanh", [b.node("Mul", [step, b.scalar(-Math.log(base) / 2)])]);
  return b.node("Div", [b.node("Mul", [tanh, b.scalar(2)]), b.node("Add", [tanh, b.scalar(1)])]);
}
