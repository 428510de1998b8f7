import { HeadstartError } from "../errors.js";

/** The 97.5 % point of the standard normal distribution. */
const Z = 1.959963984540054;

/** What McNemar's test says of two classifiers on the same photos. */
export interface McNemar {
  /** Photos that both answer. */
  readonly photos: number;
  /** Photos that the first alone answers right. */
  readonly onlyFirst: number;
  /** Photos that the second alone answers right. */
  readonly onlySecond: number;
  /** The second's accuracy minus the first's, from -1 to 1. */
  readonly difference: number;
  /** The difference's interval at 95 %. */
  readonly interval: readonly [number, number];
  /**
   * The exact two-sided p-value: how probable it is that the photos on which the two differ are divided at least this unevenly, were both
   * equally good.
   */
  readonly exact: number;
  /** The mid-p value: less cautious than the exact one, which is known to be too cautious for few photos. */
  readonly midP: number;
}

/**
 * McNemar's test for two classifiers that answered the same photos. Only photos that one answers right and the other wrong say which is
 * better; were both equally good, each would fall to either side like a coin.
 *
 * With b and c such photos, n = b + c and k = min(b, c): the exact p-value is 2 · P(X ≤ k) for X ~ Binomial(n, 1/2), at most 1; the mid-p
 * value is 2 · P(X ≤ k) − P(X = k), and 1 − P(X = k) / 2 where b = c. Source: M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test
 * for binary matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC Medical Research Methodology 13 (2013), 91.
 * The interval of the difference is Wald's with half a photo added to each of the four counts: A. Agresti and Y. Min, "Simple improved
 * confidence intervals for comparing matched proportions", Statistics in Medicine 24 (2005), 729-740.
 *
 * @param first - for each photo whether the first classifier is right
 * @param second - the same of the second, in the same order
 * @throws HeadstartError `INVALID_DATA` when they are not equally many, or none
 *
 * @example
 * mcnemar([true, true, true], [true, true, false]).exact; // 1
 */
export function mcnemar(first: readonly boolean[], second: readonly boolean[]): McNemar {
  const photos = first.length;
  if (photos !== second.length || photos === 0)
    throw new HeadstartError(
      "INVALID_DATA",
      `Two classifiers cannot be compared on ${photos} and ${second.length} photos.`,
      "Give the answers of both for the same photos, at least one.",
    );
  const onlyFirst = first.filter((isRight, index) => isRight && !second[index]).length;
  const onlySecond = second.filter((isRight, index) => isRight && !first[index]).length;
  return {
    photos,
    onlyFirst,
    onlySecond,
    difference: (onlySecond - onlyFirst) / photos,
    interval: differenceInterval(onlyFirst, onlySecond, photos),
    ...pValues(onlyFirst, onlySecond),
  };
}

/** Both p-values, for the numbers of photos that only one of the two answers right. */
function pValues(b: number, c: number): { readonly exact: number; readonly midP: number } {
  const n = b + c;
  const k = Math.min(b, c);
  if (n === 0) return { exact: 1, midP: 1 };
  // P(X = i), one from the other; logarithms, since 2^-n is below the least number for large n.
  let logarithm = -n * Math.LN2;
  let below = 0;
  for (let i = 0; i < k; i++) {
    below += Math.exp(logarithm);
    logarithm += Math.log(n - i) - Math.log(i + 1);
  }
  const at = Math.exp(logarithm);
  const doubled = 2 * (below + at);
  return { exact: Math.min(1, doubled), midP: b === c ? 1 - at / 2 : doubled - at };
}

function differenceInterval(b: number, c: number, photos: number): [number, number] {
  const [first, second, n] = [b + 0.5, c + 0.5, photos + 2];
  const difference = (second - first) / n;
  const half = (Z * Math.sqrt(first + second - (second - first) ** 2 / n)) / n;
  return [Math.max(-1, difference - half), Math.min(1, difference + half)];
}
