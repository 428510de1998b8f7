/**
 * The debiased exponential mean of a sequence: each value counts `beta` times as much as the one after it, and what is missing before the
 * first is divided out, as Adam does with its moments (D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015, section 3).
 * It looks back only, so it lags by about `beta / (1 - beta)` values.
 *
 * @param values - the sequence; what is null or not finite is passed over
 * @param beta - from 0, no smoothing, to less than 1
 * @returns the mean at each value, null where the value is passed over
 *
 * @example
 * exponentialMean([4, 2], 0.5) // => [4, 2.6666666666666665]
 */
export function exponentialMean(values: readonly (number | null)[], beta: number): (number | null)[] {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = beta * mean + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return mean / weight;
  });
}
