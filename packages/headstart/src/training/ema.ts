import type { GraphBuilder } from "../onnx/index.js";

/**
 * The decay of the running mean of the parameters at one step: small at the start, so that the mean of a short run does not stay at the
 * parameters that it started from. `min(decay, (1 + step) / (10 + step))`, as TensorFlow's `ExponentialMovingAverage` with `num_updates`.
 *
 * @param decay - part of the mean that is kept at each step in the long run, from 0 up to, not including, 1
 * @param step - which step it is, counted from 1
 *
 * @example
 * emaDecayAt(0.999, 1) // => 0.1818...
 * emaDecayAt(0.999, 100_000) // => 0.999
 */
export function emaDecayAt(decay: number, step: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/**
 * Adds one step of an exponential moving mean to a graph: `decay * mean + (1 - decay) * value`, computed as
 * `mean + (1 - decay) * (value - mean)`, which leaves a mean of equal values exactly where it is.
 *
 * @param builder - the graph that the nodes are added to
 * @param inputs - names of float values: `mean` and `value` of one shape, and the scalar `rest`, which is 1 - decay
 * @returns the name of the new mean
 */
export function addMovingMean(
  builder: GraphBuilder,
  { mean, value, rest }: { readonly mean: string; readonly value: string; readonly rest: string },
): string {
  const way = builder.node("Sub", [value, mean]);
  return builder.node("Add", [mean, builder.node("Mul", [way, rest])]);
}
