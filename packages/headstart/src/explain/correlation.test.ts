import { expect, test } from "vitest";
import { rankCorrelation } from "./correlation.js";

test("the order alone counts", () => {
  expect(rankCorrelation([1, 2, 3, 4], [10, 200, 201, 1e9])).toBe(1);
  expect(rankCorrelation([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
  expect(rankCorrelation([1, 2, 3, 4], [10, 20, 40, 30])).toBeCloseTo(0.8, 12);
});

test("equal numbers share their ranks, as in scipy.stats.spearmanr", () => {
  // scipy 1.17.1: spearmanr([1, 2, 2, 3, 5, 5, 5], [2, 1, 4, 4, 9, 7, 7])
  expect(rankCorrelation([1, 2, 2, 3, 5, 5, 5], [2, 1, 4, 4, 9, 7, 7])).toBeCloseTo(0.8860760232362958, 12);
});

test("without an order there is no correlation", () => {
  expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN();
});
