import fc from "fast-check";
import { expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { clopperPearsonLower } from "./binomial.js";

// SciPy's figures are held to in golden.test.ts.

test("all right is the n-th root", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), (n) => {
      expect(clopperPearsonLower(n, n)).toBeCloseTo(0.05 ** (1 / n), 10);
    }),
  );
});

test("lies below the share, and grows with right answers", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(300), (n, k) => {
      const correct = k % n;
      const bound = clopperPearsonLower(correct, n);
      expect(bound).toBeLessThanOrEqual(correct / n);
      expect(clopperPearsonLower(correct + 1, n)).toBeGreaterThan(bound);
    }),
  );
});

test("refuses what cannot be counted", () => {
  for (const [correct, n, confidence] of [
    [1, 0],
    [3, 2],
    [-1, 2],
    [0.5, 2],
    [1, 2, 0],
    [1, 2, 1],
  ] as const)
    expect(() => clopperPearsonLower(correct, n, confidence)).toThrow(HeadstartError);
});
