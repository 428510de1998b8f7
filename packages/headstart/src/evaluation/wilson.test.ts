import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { wilsonInterval } from "./wilson.js";

// scipy.stats.binomtest(correct, n).proportion_ci(method="wilson"), computed once with SciPy.
const FROM_SCIPY: [correct: number, n: number, low: number, high: number][] = [
  [0, 10, 0, 0.27753279986288926],
  [1, 10, 0.017876213095072896, 0.4041500267952385],
  [5, 10, 0.236593090512564, 0.7634069094874361],
  [9, 10, 0.5958499732047615, 0.9821237869049271],
  [10, 10, 0.7224672001371109, 1],
  [0, 1, 0, 0.7934506856227626],
  [1, 1, 0.20654931437723745, 1],
  [145, 153, 0.900223582672342, 0.9732699504158863],
  [691, 836, 0.7994103850960927, 0.8507123187374301],
];

describe("wilsonInterval", () => {
  test.each(FROM_SCIPY)("%i of %i is what SciPy says", (correct, n, low, high) => {
    const interval = wilsonInterval(correct, n);
    expect(interval[0]).toBeCloseTo(low, 12);
    expect(interval[1]).toBeCloseTo(high, 12);
  });

  test("81 of 263 is the published interval", () => {
    // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I:
    // score method without continuity correction, 81/263 gives 0.2553 to 0.3662.
    const [low, high] = wilsonInterval(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
  });

  test("holds the share, stays inside 0 to 1 and mirrors right and wrong", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, share) => {
          const correct = Math.round(share * n);
          const [low, high] = wilsonInterval(correct, n);
          expect(low).toBeGreaterThanOrEqual(0);
          expect(low).toBeLessThanOrEqual(correct / n);
          expect(high).toBeGreaterThanOrEqual(correct / n);
          expect(high).toBeLessThanOrEqual(1);
          const mirrored = wilsonInterval(n - correct, n);
          expect(mirrored[0]).toBeCloseTo(1 - high, 10);
          expect(mirrored[1]).toBeCloseTo(1 - low, 10);
        },
      ),
    );
  });

  test.each([
    [1, 0],
    [-1, 5],
    [6, 5],
    [0.5, 5],
    [Number.NaN, 5],
    [1, Number.POSITIVE_INFINITY],
  ])("refuses %d of %d", (correct, n) => {
    expect(() => wilsonInterval(correct, n)).toThrow(HeadstartError);
  });
});
