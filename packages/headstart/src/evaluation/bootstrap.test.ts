import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import type { Weights } from "./answers.js";
import { bootstrapIntervals, percentileInterval, quantile, resamplesFor } from "./bootstrap.js";
import { weightedMean } from "./scoring-rules.js";

describe("bootstrapIntervals", () => {
  const values = Array.from({ length: 400 }, (_, i) => (i % 20) / 19);
  const mean = (weights: Weights) => [weightedMean(values, weights)];

  test("is about as wide as the normal distribution says", () => {
    const [interval] = bootstrapIntervals(400, mean, { random: createRandom(1), resamples: 1000 });
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / 400);
    const half = (1.96 * deviation) / Math.sqrt(400);
    expect(interval?.[0]).toBeGreaterThan(0.5 - 1.15 * half);
    expect(interval?.[0]).toBeLessThan(0.5 - 0.85 * half);
    expect(interval?.[1]).toBeGreaterThan(0.5 + 0.85 * half);
    expect(interval?.[1]).toBeLessThan(0.5 + 1.15 * half);
  });

  test("is the same for the same seed", () => {
    const draw = () => bootstrapIntervals(400, mean, { random: createRandom(2), resamples: 50 });
    expect(draw()).toEqual(draw());
  });

  test("leaves out resamples that have no figure; without any there is no interval", () => {
    const options = { random: createRandom(3), resamples: 50 };
    const firstOnly = (weights: Weights) => [(weights[0] ?? 0) > 0 ? 1 : null, null];
    expect(bootstrapIntervals(3, firstOnly, options)).toEqual([[1, 1], null]);
    expect(bootstrapIntervals(0, () => [null], options)).toEqual([null]);
  });

  test("has fewer resamples where there is much to measure", () => {
    expect(resamplesFor(1, 2)).toBe(1000);
    expect(resamplesFor(100_000, 1000)).toBe(200);
    expect(resamplesFor(10_000, 100)).toBe(500);
  });
});

// numpy.quantile([0.5, 1, 4, 9, 9.5], q) of NumPy 2.4.6.
test.each([
  [0, 0.5],
  [0.025, 0.55],
  [0.3, 1.6],
  [0.5, 4],
  [0.975, 9.45],
  [1, 9.5],
])("quantile %d is NumPy's", (share, wanted) => {
  expect(quantile([0.5, 1, 4, 9, 9.5], share)).toBeCloseTo(wanted, 12);
});

test("the middle of some numbers lies among them", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1 }), (values) => {
      const [low, high] = percentileInterval(values);
      expect(low).toBeLessThanOrEqual(high);
      expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-12);
      expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-12);
    }),
  );
});
