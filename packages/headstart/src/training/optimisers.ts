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

/** What an {@link Update} works on: names of values in the graph. */
export interface UpdateInputs {
  /** The parameter, of any shape. */
  readonly parameter: string;
  /** Gradient of the loss with respect to the parameter, of its shape. */
  readonly gradient: string;
  /** The optimiser's memory, each of the parameter's shape, in the order of {@link slotsOf}. Before the first step: zeros. */
  readonly slots: readonly string[];
  /** Float scalar: the learning rate of this parameter in this step. */
  readonly learningRate: string;
  /** Whether the optimiser's weight decay applies to this parameter; true by default. */
  readonly decay?: boolean;
}

/** Adds the nodes of one optimiser step for one parameter, and returns names of the new parameter and the new slots. */
export type Update = (inputs: UpdateInputs) => {
  readonly parameter: string;
  readonly slots: readonly string[];
};

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
 * What adds optimiser steps to a graph, one call for each parameter; scalars that all parameters need are made once. The learning rate
 * comes from the graph, not from the optimiser, so that it can change from step to step and differ between parameters.
 *
 * @param builder - the graph that the nodes are added to
 * @param optimiser - the rule
 * @param step - float scalar of the graph: which step it is, counted from 1
 */
export function createUpdate(builder: GraphBuilder, optimiser: Optimiser, step: string): Update {
  switch (optimiser.kind) {
    case "sgd":
      return sgd(builder, optimiser);
    case "rmsprop":
      return rmsprop(builder, optimiser);
    case "adam":
      return adam(builder, optimiser, 0, step);
    case "adamw":
      return adam(builder, optimiser, optimiser.weightDecay, step);
  }
}

function sgd(b: GraphBuilder, { momentum = 0, nesterov = false, weightDecay = 0 }: Sgd): Update {
  return ({ parameter, gradient, slots: [velocity], learningRate, decay = true }) => {
    const slope =
      decay && weightDecay
        ? b.node("Add", [gradient, b.node("Mul", [parameter, b.scalar(weightDecay)])])
        : gradient;
    if (!momentum || velocity === undefined)
      return { parameter: descend(b, parameter, learningRate, slope), slots: [] };
    const next = b.node("Add", [b.node("Mul", [velocity, b.scalar(momentum)]), slope]);
    const direction = nesterov ? b.node("Add", [slope, b.node("Mul", [next, b.scalar(momentum)])]) : next;
    return { parameter: descend(b, parameter, learningRate, direction), slots: [next] };
  };
}

function rmsprop(b: GraphBuilder, { rho, epsilon }: Rmsprop): Update {
  return ({ parameter, gradient, slots: [meanSquare = ""], learningRate }) => {
    const next = blend(b, meanSquare, b.node("Mul", [gradient, gradient]), rho);
    const scale = b.node("Add", [b.node("Sqrt", [next]), b.scalar(epsilon)]);
    return {
      parameter: descend(b, parameter, learningRate, b.node("Div", [gradient, scale])),
      slots: [next],
    };
  };
}

/**
 * `parameter - rate * (m / c1) / (sqrt(v / c2) + epsilon)`, with the corrections c1 and c2 moved into scalars:
 * `parameter - (rate * sqrt(c2) / c1) * m / (sqrt(v) + epsilon * sqrt(c2))`.
 */
function adam(
  b: GraphBuilder,
  { beta1, beta2, epsilon }: Omit<Adam, "kind">,
  weightDecay: number,
  step: string,
): Update {
  const root = b.node("Sqrt", [oneMinusPower(b, beta2, step)]);
  const correction = b.node("Div", [root, oneMinusPower(b, beta1, step)]);
  const floor = b.node("Mul", [root, b.scalar(epsilon)]);
  const rates = new Map<string, { readonly rate: string; readonly keep: string }>();
  const ratesOf = (learningRate: string) => {
    const made = rates.get(learningRate) ?? {
      rate: b.node("Mul", [learningRate, correction]),
      keep: b.node("Sub", [b.scalar(1), b.node("Mul", [learningRate, b.scalar(weightDecay)])]),
    };
    rates.set(learningRate, made);
    return made;
  };
  return ({ parameter, gradient, slots: [first = "", second = ""], learningRate, decay = true }) => {
    const { rate, keep } = ratesOf(learningRate);
    const nextFirst = blend(b, first, gradient, beta1);
    const nextSecond = blend(b, second, b.node("Mul", [gradient, gradient]), beta2);
    const direction = b.node("Div", [nextFirst, b.node("Add", [b.node("Sqrt", [nextSecond]), floor])]);
    const shrunk = decay && weightDecay ? b.node("Mul", [parameter, keep]) : parameter;
    return { parameter: descend(b, shrunk, rate, direction), slots: [nextFirst, nextSecond] };
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
