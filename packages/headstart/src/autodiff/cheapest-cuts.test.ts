import { describe, expect, test } from "vitest";
import { uniform } from "../../test/support/check-gradients.js";
import { type Candidate, cheapestCuts } from "./cheapest-cuts.js";

/** The most that is held at one time, if these are kept. */
function most(candidates: readonly Candidate[], cuts: readonly number[]): number {
  let held = 0;
  const peaks = cuts.map((from, i) => {
    held += candidates[from]?.size ?? 0;
    const inner = candidates.slice(from, cuts[i + 1] ?? candidates.length);
    return inner.reduce((sum, { again, kept }, place) => sum + kept + (place > 0 ? again : 0), held);
  });
  return Math.max(...peaks);
}

/** All choices that keep the first. */
function choices(count: number): number[][] {
  return Array.from({ length: 2 ** (count - 1) }, (_, bits) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => i === 0 || (bits >> (i - 1)) & 1),
  );
}

describe("cheapestCuts", () => {
  test("keeps about the square root of equal layers", () => {
    const layers = Array.from({ length: 100 }, () => ({ size: 1, again: 1, kept: 0 }));
    const cuts = cheapestCuts(layers);
    expect(most(layers, cuts)).toBeLessThanOrEqual(15);
    expect(most(layers, [0])).toBe(100);
  });

  test("holds no more than any other choice", () => {
    for (let seed = 0; seed < 20; seed++) {
      const [sizes, kept] = [uniform(seed, 9, 1, 50), uniform(seed + 100, 9, 0, 200)];
      const candidates = sizes.map((size, i) => ({
        size,
        again: i % 3 === 0 ? 0 : size,
        kept: kept[i] ?? 0,
      }));
      const best = Math.min(...choices(9).map((cuts) => most(candidates, cuts)));
      expect(most(candidates, cheapestCuts(candidates))).toBeLessThan(best * 1.01);
    }
  });

  test("keeps the first in any case, and nothing of nothing", () => {
    expect(cheapestCuts([])).toEqual([]);
    expect(cheapestCuts([{ size: 0, again: 0, kept: 0 }])).toEqual([0]);
    expect(cheapestCuts([{ size: 5, again: 5, kept: 3 }])).toEqual([0]);
  });
});
