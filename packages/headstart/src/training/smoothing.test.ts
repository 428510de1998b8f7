import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exponentialMean } from "./smoothing.js";

describe("exponentialMean", () => {
  test("weighs each value by how long ago it was", () => {
    const [first, second, third] = exponentialMean([1, 2, 4], 0.5);
    expect(first).toBe(1);
    expect(second).toBeCloseTo((0.5 * 1 + 2) / 1.5, 12);
    expect(third).toBeCloseTo((0.25 * 1 + 0.5 * 2 + 4) / 1.75, 12);
  });

  test("is the sequence itself for a beta of 0", () => {
    expect(exponentialMean([3, 1, 2], 0)).toEqual([3, 1, 2]);
  });

  test("passes over what is no number, and goes on behind it", () => {
    const values = [1, Number.NaN, 2, Number.POSITIVE_INFINITY, null, 4];
    const [first, second, third] = exponentialMean([1, 2, 4], 0.5);
    expect(exponentialMean(values, 0.5)).toEqual([first, null, second, null, null, third]);
  });

  test("stays between the least and the greatest value so far, and on a constant", () => {
    const values = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 0.99, noNaN: true }), (drawn, beta) => {
        for (const [index, mean] of exponentialMean(drawn, beta).entries()) {
          const before = drawn.slice(0, index + 1);
          expect(mean).toBeGreaterThanOrEqual(Math.min(...before) - 1e-9);
          expect(mean).toBeLessThanOrEqual(Math.max(...before) + 1e-9);
        }
      }),
    );
  });
});
