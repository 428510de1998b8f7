import { HeadstartError } from "../errors.js";

/** The 97.5 % point of the standard normal distribution: what makes the interval one of 95 %. */
const Z = 1.959963984540054;

/**
 * The Wilson score interval for a share of right answers, at 95 %.
 *
 * With p = correct / n and z = 1.96: the centre is (p + z² / 2n) / (1 + z² / n), the half width is
 * z / (1 + z² / n) · √(p (1 − p) / n + z² / 4n²). It stays inside 0 to 1 and is right for few photos too, where the textbook
 * p ± z √(p (1 − p) / n) fails. Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
 * Journal of the American Statistical Association 22 (1927), 209-212.
 *
 * @param correct - right answers, a whole number from 0 to `n`
 * @param n - answers in all, a whole number of at least 1
 * @returns the lower and the upper bound, both from 0 to 1
 * @throws HeadstartError `INVALID_DATA` when the two are no such numbers
 *
 * @example
 * wilsonInterval(145, 153); // [0.900, 0.973]
 */
export function wilsonInterval(correct: number, n: number): [number, number] {
  if (!Number.isInteger(n) || n < 1 || !Number.isInteger(correct) || correct < 0 || correct > n) {
    throw new HeadstartError(
      "INVALID_DATA",
      `There is no interval for ${correct} right answers out of ${n}.`,
      "Give whole numbers, at least one answer, and no more right answers than answers.",
    );
  }
  const p = correct / n;
  const z2 = Z * Z;
  const scale = 1 + z2 / n;
  const centre = (p + z2 / (2 * n)) / scale;
  const half = (Z / scale) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return [correct === 0 ? 0 : centre - half, correct === n ? 1 : centre + half];
}

/**
 * {@link wilsonInterval}, or null for a share of nothing.
 *
 * @throws HeadstartError as {@link wilsonInterval}
 *
 * @example
 * shareInterval(0, 0); // null
 */
export function shareInterval(part: number, whole: number): [number, number] | null {
  return whole === 0 ? null : wilsonInterval(part, whole);
}
