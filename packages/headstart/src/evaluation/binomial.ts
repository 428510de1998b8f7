import { HeadstartError } from "../errors.js";

/** Halvings of the bracket: enough for the last bit of a number between 0 and 1. */
const HALVINGS = 60;

/**
 * The Clopper-Pearson lower bound for a share of right answers, one-sided: the smallest share for which so many right answers, or more, are at
 * least as probable as 1 − confidence. The true share lies below it in at most that part of all cases, however few the answers are. Source:
 * C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934), 404-413.
 *
 * @param correct - right answers, a whole number from 0 to `n`
 * @param n - answers in all, a whole number of at least 1
 * @param confidence - between 0 and 1; default 0.95
 * @throws HeadstartError `INVALID_DATA` when the numbers are no such numbers
 *
 * @example
 * clopperPearsonLower(1, 1, 0.95).toFixed(6); // => "0.050000"
 */
export function clopperPearsonLower(correct: number, n: number, confidence = 0.95): number {
  if (
    !(Number.isInteger(n) && n >= 1 && Number.isInteger(correct) && correct >= 0 && correct <= n) ||
    !(confidence > 0 && confidence < 1)
  )
    throw new HeadstartError(
      "INVALID_DATA",
      `There is no bound for ${correct} right answers out of ${n} with a confidence of ${confidence}.`,
      "Give whole numbers, at least one answer, no more right answers than answers, and a confidence between 0 and 1.",
    );
  if (correct === 0) return 0;
  const logChoose = logBinomial(n, correct);
  let [low, high] = [0, 1];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const share = (low + high) / 2;
    if (upperTail(correct, n, share, logChoose) < 1 - confidence) low = share;
    else high = share;
  }
  return (low + high) / 2;
}

/** P(X ≥ k) for X ~ Binomial(n, p), k at least 1, 0 < p < 1. */
function upperTail(k: number, n: number, p: number, logChoose: number): number {
  const odds = p / (1 - p);
  const first = Math.exp(logChoose + k * Math.log(p) + (n - k) * Math.log1p(-p));
  if (k <= n * p) {
    // The tail below k is the shorter one.
    let [term, sum] = [first, 0];
    for (let j = k; j > 0; j--) {
      term *= j / (n - j + 1) / odds;
      sum += term;
      if (term < sum * 1e-17) break;
    }
    return 1 - sum;
  }
  let [term, sum] = [first, first];
  for (let j = k; j < n; j++) {
    term *= ((n - j) / (j + 1)) * odds;
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum;
}

/** The logarithm of n over k. */
function logBinomial(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - i + 1) / i);
  return sum;
}
