import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import {
  isDiverging,
  type LearningRatePoint,
  learningRatesFor,
  rateBelowRunAway,
  smoothLosses,
  suggestLearningRate,
} from "./lr-finder.js";

/** A sweep as networks make it: flat, then a fall about `middle`, then a loss that runs away a hundred times further on. */
function sweep(middle: number, noise = 0, steps = 100, seed = 1): LearningRatePoint[] {
  const random = createRandom(seed, "sweep");
  return learningRatesFor({ steps }).map((learningRate) => {
    const fall = 1 / (1 + (middle / learningRate) ** 1.5);
    const away = (learningRate / (middle * 100)) ** 2;
    return { learningRate, loss: 2 - 1.6 * fall + away + noise * (2 * random.uniform() - 1) };
  });
}

/** The sweep as far as the finder would have gone. */
function stopped(points: readonly LearningRatePoint[]): readonly LearningRatePoint[] {
  const at = points.findIndex((_, index) => isDiverging(points.slice(0, index + 1)));
  return at < 0 ? points : points.slice(0, at + 1);
}

describe("learningRatesFor", () => {
  test("goes from 1e-7 to 10 in a hundred steps by default", () => {
    const rates = learningRatesFor();
    expect([rates.length, rates[0], rates.at(-1)]).toEqual([100, 1e-7, 10]);
  });

  test("each rate is the same number of times the one before", () => {
    const range = fc.record({
      lowest: fc.double({ min: 1e-8, max: 1e-3, noNaN: true }),
      highest: fc.double({ min: 1e-2, max: 100, noNaN: true }),
      steps: fc.integer({ min: 2, max: 300 }),
    });
    fc.assert(
      fc.property(range, ({ lowest, highest, steps }) => {
        const rates = learningRatesFor({ lowest, highest, steps });
        expect([rates.length, rates[0], rates.at(-1)]).toEqual([steps, lowest, highest]);
        const factor = (highest / lowest) ** (1 / (steps - 1));
        for (const [index, rate] of rates.slice(1).entries())
          expect(rate / (rates[index] ?? 0) / factor).toBeCloseTo(1, 9);
      }),
    );
  });

  test("one step takes the lowest rate", () => {
    expect(learningRatesFor({ lowest: 0.1, steps: 1 })).toEqual([0.1]);
  });
});

describe("isDiverging", () => {
  const at = (losses: readonly number[]) =>
    losses.map((loss, index) => ({ learningRate: 1.1 ** index, loss }));

  test("stops at a loss that is not finite, even at the first step", () => {
    expect(isDiverging(at([Number.NaN]))).toBe(true);
    expect(isDiverging(at([1, 1, Number.POSITIVE_INFINITY]))).toBe(true);
  });

  test("stops when the smoothed loss is four times the lowest", () => {
    const flat = Array<number>(20).fill(1);
    expect(isDiverging(at(flat))).toBe(false);
    expect(isDiverging(at([...flat, 15]))).toBe(false);
    expect(isDiverging(at([...flat, 15, 15]))).toBe(true);
    expect(isDiverging(at([1, 100, 100]))).toBe(false);
    expect(isDiverging([])).toBe(false);
  });

  test("lets every sweep go on until its loss has risen", () => {
    for (const middle of [1e-5, 1e-3, 1e-2]) {
      const last = stopped(sweep(middle, 0.2)).at(-1);
      expect(last?.loss).toBeGreaterThan(0.4 * 4);
      expect(last?.learningRate).toBeGreaterThan(middle * 50);
    }
  });
});

describe("smoothLosses", () => {
  test("looks back over a tenth of the steps", () => {
    const step = Array.from({ length: 100 }, (_, index) => ({ learningRate: 1, loss: index < 50 ? 1 : 0 }));
    expect(smoothLosses(step)[59]).toBeCloseTo(0.9 ** 10, 2);
    expect(smoothLosses([{ learningRate: 1, loss: Number.NaN }])).toEqual([null]);
  });
});

describe("suggestLearningRate", () => {
  test.each([1e-5, 1e-4, 1e-3, 1e-2])("finds the fall about %d", (middle) => {
    for (const noise of [0.05, 0.1, 0.4]) {
      const { suggestion = 0, steepest = 0 } = suggestLearningRate(stopped(sweep(middle, noise)));
      expect(suggestion).toBeGreaterThan(middle / 6);
      expect(suggestion).toBeLessThan(middle * 12);
      expect(steepest).toBeGreaterThan(middle / 10);
      expect(steepest).toBeLessThan(middle * 30);
    }
  });

  test("suggests the same whether the sweep was stopped or went on", () => {
    const points = sweep(1e-3, 0.1);
    const { suggestion = 0 } = suggestLearningRate(points);
    const short = suggestLearningRate(stopped(points)).suggestion ?? 0;
    expect(Math.abs(Math.log10(suggestion / short))).toBeLessThan(0.4);
  });

  test("the middle of a straight fall is its suggestion", () => {
    const rates = learningRatesFor({ lowest: 1e-4, highest: 1, steps: 101 });
    const points = rates.map((learningRate, index) => ({ learningRate, loss: 3 - 0.02 * index }));
    expect(Math.log10(suggestLearningRate(points).suggestion ?? 1)).toBeCloseTo(-2 + 0.2, 1);
  });

  test("agrees with fastai's valley to one step, and its steepest point exactly", () => {
    const losses = fc.array(fc.double({ min: 0.5, max: 1.9, noNaN: true }), {
      minLength: 20,
      maxLength: 120,
    });
    fc.assert(
      fc.property(losses, (drawn) => {
        const rates = learningRatesFor({ steps: drawn.length });
        const points = drawn.map((loss, index) => ({
          learningRate: rates[index] ?? 0,
          loss: loss + 3 - (2 * index) / drawn.length,
        }));
        const { suggestion, steepest } = suggestLearningRate(points);
        if (suggestion === undefined || steepest === undefined) return;
        const skipped = Math.floor(points.length / 10);
        const smooth = smoothLosses(points)
          .slice(skipped)
          .map((loss) => loss ?? 0);
        // lds[i]: the longest falling sequence that ends at i; the suggestion is a third and half a third behind its beginning.
        const lds = smooth.map(() => 1);
        for (let i = 0; i < smooth.length; i++)
          for (let j = 0; j < i; j++)
            if ((smooth[i] ?? 0) < (smooth[j] ?? 0)) lds[i] = Math.max(lds[i] ?? 0, (lds[j] ?? 0) + 1);
        const longest = Math.max(...lds);
        const begin = lds.indexOf(longest) - longest;
        const index = begin + Math.floor(longest / 3) + Math.floor(longest / 6);
        expect(Math.abs(rates.indexOf(suggestion) - skipped - index)).toBeLessThanOrEqual(1);
        const falls = smooth.slice(1).map((loss, i) => loss - (smooth[i] ?? 0));
        expect(rates.indexOf(steepest) - skipped).toBe(falls.indexOf(Math.min(...falls)));
      }),
    );
  });

  test("always suggests a rate that was tried, or none", () => {
    const loss = fc.oneof(
      fc.double({ min: 0, max: 100 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY),
    );
    fc.assert(
      fc.property(fc.array(loss, { maxLength: 60 }), (losses) => {
        const rates = learningRatesFor({ steps: losses.length });
        const points = losses.map((value, index) => ({ learningRate: rates[index] ?? 0, loss: value }));
        const { suggestion, steepest } = suggestLearningRate(points);
        expect([undefined, ...rates]).toContain(suggestion);
        expect([undefined, ...rates]).toContain(steepest);
        expect(steepest === undefined).toBe(suggestion === undefined);
      }),
    );
  });

  test("says nothing where the loss never falls", () => {
    const rates = learningRatesFor();
    const along = (loss: (index: number) => number) =>
      rates.map((learningRate, index) => ({ learningRate, loss: loss(index) }));
    for (const points of [along(() => 1), along((index) => 1 + index / 50), along(() => Number.NaN), []])
      expect(suggestLearningRate(points)).toEqual({ suggestion: undefined, steepest: undefined });
    const accidents = Array.from({ length: 100 }, (_, seed) => {
      const random = createRandom(seed, "noise");
      return suggestLearningRate(along(() => 1 + random.uniform())).suggestion;
    });
    expect(accidents.filter((suggestion) => suggestion !== undefined).length).toBeLessThan(8);
  });
});

describe("rateBelowRunAway", () => {
  test("is a tenth of the rate at which a loss that never falls turns round", () => {
    const points = stopped(
      learningRatesFor().map((learningRate) => ({
        learningRate,
        loss: 0.3 - 0.01 * Math.exp(-(Math.log(learningRate / 1e-4) ** 2)) + (learningRate / 1e-2) ** 2,
      })),
    );
    // The smoothed loss looks back, so it is lowest a little later.
    expect(rateBelowRunAway(points)).toBeGreaterThan(0.8e-5);
    expect(rateBelowRunAway(points)).toBeLessThan(1e-4);
  });

  test("says nothing where the loss does not run away", () => {
    expect(rateBelowRunAway([])).toBeUndefined();
    expect(
      rateBelowRunAway(learningRatesFor().map((learningRate) => ({ learningRate, loss: 1 }))),
    ).toBeUndefined();
  });
});
