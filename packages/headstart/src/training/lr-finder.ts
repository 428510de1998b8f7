import { exponentialMean } from "./smoothing.js";

/** One step of a learning-rate finder: the rate that the step took, and the loss of its batch before it. */
export interface LearningRatePoint {
  readonly learningRate: number;
  readonly loss: number;
}

/** Which learning rates a finder tries. */
export interface LearningRateRange {
  /** The first, 1e-7 by default. */
  readonly lowest?: number;
  /** The last, 10 by default. */
  readonly highest?: number;
  /** How many, 100 by default. */
  readonly steps?: number;
}

/** What a sweep over learning rates says. */
export interface LearningRateSuggestion {
  /** The rate to train with: the middle of the longest fall of the loss. Undefined where the loss never falls beyond its noise. */
  readonly suggestion: number | undefined;
  /** The rate at which the loss falls fastest; undefined where `suggestion` is. */
  readonly steepest: number | undefined;
}

/** A loss this many times the lowest has run away. */
const RUN_AWAY = 4;
/** A sweep is never stopped before this step: the first means are as noisy as single batches. */
const FIRST_STOP = 10;
/** A fall of this many standard errors is no accident. */
const CLEAR = 6;

/**
 * The learning rates of a sweep: each the same number of times the one before it, from the lowest to the highest (L. N. Smith,
 * "Cyclical learning rates for training neural networks", 2017, section 3.3; exponential after S. Gugger, "How do you find a good
 * learning rate", 2018).
 *
 * @example
 * learningRatesFor({ lowest: 0.01, highest: 1, steps: 3 }) // => [0.01, 0.1, 1]
 */
export function learningRatesFor({
  lowest = 1e-7,
  highest = 10,
  steps = 100,
}: LearningRateRange = {}): number[] {
  const at = (step: number) => lowest * (highest / lowest) ** (step / Math.max(steps - 1, 1));
  return Array.from({ length: steps }, (_, step) => (step > 0 && step === steps - 1 ? highest : at(step)));
}

/**
 * The losses of a sweep, smoothed: their debiased exponential mean. It looks back over a tenth of the steps, at least 5 and at most 50;
 * fastai always looks back over 50 (a beta of 0.98), which of a sweep of 100 steps is half.
 *
 * @returns a mean for each point, null where the loss is not finite
 */
export function smoothLosses(points: readonly LearningRatePoint[]): (number | null)[] {
  return exponentialMean(
    points.map(({ loss }) => loss),
    betaFor(points.length),
  );
}

function betaFor(steps: number): number {
  return 1 - 1 / Math.min(Math.max(steps / 10, 5), 50);
}

/**
 * Whether a sweep has come so far that it is to be stopped: the last loss is not finite, or the smoothed loss is more than four times the
 * lowest smoothed loss (fastai's rule), after the first ten steps.
 *
 * @param points - the steps so far, in order
 */
export function isDiverging(points: readonly LearningRatePoint[]): boolean {
  const last = points.at(-1);
  if (last && !Number.isFinite(last.loss)) return true;
  return points.length > FIRST_STOP && end(smoothLosses(points)) < points.length;
}

/** How many points come before the smoothed loss runs away or ends: from there on a sweep says nothing. */
function end(smooth: readonly (number | null)[]): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const [index, loss] of smooth.entries()) {
    if (loss === null) return index;
    lowest = Math.min(lowest, loss);
    if (index >= FIRST_STOP && loss > RUN_AWAY * lowest) return index;
  }
  return smooth.length;
}

/**
 * Reads a learning rate off a sweep. Of the smoothed losses, the first tenth is left out, which has few batches to its mean, and what
 * follows after the loss has run away. The suggestion is what fastai calls the valley, its choice since 2.3 (fastai/fastai#3377,
 * callback/schedule.py): the longest sequence of ever lower losses, not necessarily next to each other, says how long the loss falls;
 * its middle is far from where the fall begins, where training would be slow, and from where the loss turns round. `steepest` is the
 * other common choice: the least slope of the smoothed loss over the logarithm of the rate (Gugger, 2018). It is mostly higher, and
 * moves more from one sweep to the next.
 *
 * There is no suggestion where the smoothed loss falls less than six standard errors below where it began: a network that is as good as
 * trained, or rates that are all too low or too high.
 *
 * @param points - the steps in order, at rising rates
 *
 * @example
 * const { suggestion } = suggestLearningRate(points);
 */
export function suggestLearningRate(points: readonly LearningRatePoint[]): LearningRateSuggestion {
  const smooth = smoothLosses(points);
  const kept = points.slice(0, end(smooth));
  const from = Math.floor(kept.length / 10);
  const rates = kept.slice(from).map(({ learningRate }) => learningRate);
  const losses = smooth.slice(from, kept.length).filter((loss) => loss !== null);
  if (!falls(kept, smooth, losses)) return { suggestion: undefined, steepest: undefined };
  return { suggestion: rates[middleOfValley(losses)], steepest: rates[steepestFall(rates, losses)] };
}

/**
 * A learning rate read off a sweep in which the loss never fell, as of a network that begins as good as trained, but ran away in the
 * end: a tenth of the rate at which the smoothed loss was lowest, fastai's other rule ("minimum"; Smith, 2017, section 3.3, takes rates
 * below that at which the loss turns round).
 *
 * @param points - the steps in order, at rising rates
 * @returns undefined where the loss did not run away
 */
export function rateBelowRunAway(points: readonly LearningRatePoint[]): number | undefined {
  const smooth = smoothLosses(points);
  const last = end(smooth);
  if (last === points.length) return undefined;
  const from = Math.floor(last / 10);
  const losses = smooth.slice(from, last).map((loss) => loss ?? Number.POSITIVE_INFINITY);
  const lowest = points[from + losses.indexOf(Math.min(...losses))];
  return losses.length > 0 && lowest ? lowest.learningRate / 10 : undefined;
}

/** Whether the lowest of the smoothed losses lies below the first by more than what single batches scatter. */
function falls(
  points: readonly LearningRatePoint[],
  smooth: readonly (number | null)[],
  losses: readonly number[],
): boolean {
  const lowest = Math.min(...losses);
  const quiet = points.slice(0, smooth.indexOf(lowest) + 1);
  const squares = quiet.map(({ loss }, index) => (loss - (smooth[index] ?? loss)) ** 2);
  const variance = squares.reduce((sum, square) => sum + square, 0) / Math.max(squares.length, 1);
  const beta = betaFor(points.length);
  const error = Math.sqrt((variance * (1 - beta)) / (1 + beta));
  return (losses[0] ?? 0) - lowest > CLEAR * error;
}

/** Index of the middle of the longest sequence of ever lower losses, the first to end of those that are equally long. */
function middleOfValley(losses: readonly number[]): number {
  const lengths: number[] = [];
  let bottom = 0;
  for (const [index, loss] of losses.entries()) {
    let longest = 0;
    for (let before = 0; before < index; before++)
      if ((losses[before] ?? 0) > loss) longest = Math.max(longest, lengths[before] ?? 0);
    lengths.push(longest + 1);
    if (longest + 1 > (lengths[bottom] ?? 0)) bottom = index;
  }
  return Math.max(bottom - Math.ceil((lengths[bottom] ?? 0) / 2), 0);
}

/** Index of the point after which the loss falls most for its step in the logarithm of the rate. */
function steepestFall(rates: readonly number[], losses: readonly number[]): number {
  const slopes = losses
    .slice(1)
    .map(
      (loss, index) =>
        (loss - (losses[index] ?? 0)) / Math.log((rates[index + 1] ?? 1) / (rates[index] ?? 1)),
    );
  return slopes.indexOf(Math.min(...slopes));
}
