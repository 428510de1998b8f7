import type { Random } from "../random.js";
import type { Weights } from "./answers.js";

/** Lower and upper bound. */
export type Interval = [low: number, high: number];

/** Resamples that an interval comes from where photos are few, as in most of the literature. */
const RESAMPLES = 1000;
const FEWEST_RESAMPLES = 200;

/** Photos times classes, over all resamples, that are looked at before there are fewer resamples. */
const MOST_LOOKS = 5e8;

/**
 * How many resamples an interval comes from: 1,000, and fewer where photos times classes make more than 500,000, but 200 at least. The ends of
 * an interval of 200 resamples lie within about a tenth of its length of those of infinitely many.
 *
 * @param photos - number of photos
 * @param classes - number of classes
 *
 * @example
 * resamplesFor(272, 10); // => 1000
 * resamplesFor(20_000, 133); // => 200
 */
export function resamplesFor(photos: number, classes: number): number {
  return Math.min(RESAMPLES, Math.max(FEWEST_RESAMPLES, Math.floor(MOST_LOOKS / (photos * classes))));
}

/**
 * 95 % intervals by the percentile bootstrap: as many photos as there are, drawn with replacement, are measured again and again, and the middle
 * 95 % of the figures is the interval. Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 *
 * @param photos - number of photos
 * @param measure - the figures when each photo counts as often as `weights` says, always in the same order; null for one that there is not
 * @param options - `random`: where the resamples come from; `resamples`: how many there are
 * @returns an interval for each figure, from the resamples that have it; null where none has
 *
 * @example
 * const values = [1, 2, 3];
 * const mean = (weights: ArrayLike<number>) => [values.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0) / 3];
 * const random = { integer: (count: number) => Math.floor(Math.random() * count) };
 * const [interval] = bootstrapIntervals(3, mean, { random, resamples: 1000 });
 */
export function bootstrapIntervals(
  photos: number,
  measure: (weights: Weights) => readonly (number | null)[],
  { random, resamples }: { readonly random: Pick<Random, "integer">; readonly resamples: number },
): (Interval | null)[] {
  if (photos === 0) return measure(new Float64Array(0)).map(() => null);
  const weights = new Float64Array(photos);
  const found: number[][] = [];
  for (let resample = 0; resample < resamples; resample++) {
    weights.fill(0);
    for (let draw = 0; draw < photos; draw++) {
      const photo = random.integer(photos);
      weights[photo] = (weights[photo] ?? 0) + 1;
    }
    for (const [figure, value] of measure(weights).entries()) {
      found[figure] ??= [];
      if (value !== null) found[figure].push(value);
    }
  }
  return found.map((values) => (values.length === 0 ? null : percentileInterval(values)));
}

/** The middle 95 % of some numbers. */
export function percentileInterval(values: ArrayLike<number>): Interval {
  const sorted = Float64Array.from(values).sort();
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

/**
 * A quantile of sorted numbers, the line between two neighbours where it falls between them. Source: definition 7 of R. J. Hyndman and Y. Fan,
 * "Sample quantiles in statistical packages", The American Statistician 50 (1996), 361-365.
 *
 * @param sorted - numbers from small to large, at least one
 * @param share - from 0 to 1
 *
 * @example
 * quantile([1, 2, 4], 0.75); // => 3
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low;
  return low + (place - below) * (high - low);
}
