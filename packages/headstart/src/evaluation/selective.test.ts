import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { areaUnderRiskCoverage, fitThreshold, riskCoverage } from "./selective.js";

/** Answers of two classes with these confidences, right or wrong. */
function answersOf(photos: readonly (readonly [confidence: number, isRight: boolean])[]) {
  return {
    probabilities: photos.flatMap(([confidence]) => [confidence, 1 - confidence]),
    labels: photos.map(([, isRight]) => (isRight ? 0 : 1)),
    classes: 2,
  };
}

const photos = fc.array(fc.tuple(fc.constantFrom(0.55, 0.6, 0.7, 0.8, 0.9, 0.99), fc.boolean()), {
  maxLength: 30,
});

describe("riskCoverage", () => {
  test("ends with all photos and the whole error", () => {
    fc.assert(
      fc.property(photos, (drawn) => {
        const curve = riskCoverage(answersOf(drawn));
        const wrong = drawn.filter(([, isRight]) => !isRight).length;
        expect(curve.length).toBe(new Set(drawn.map(([confidence]) => confidence)).size);
        if (drawn.length === 0) expect(areaUnderRiskCoverage(curve)).toBeNull();
        else {
          expect(curve.at(-1)?.coverage).toBe(1);
          expect(curve.at(-1)?.risk).toBeCloseTo(wrong / drawn.length, 12);
        }
      }),
    );
  });

  test("mistakes that are the least sure make the smallest area", () => {
    const area = (wrong: number) => {
      const drawn = [0.9, 0.8, 0.7, 0.6].map((confidence, i) => [confidence, i !== wrong] as const);
      return areaUnderRiskCoverage(riskCoverage(answersOf(drawn)));
    };
    expect(area(3)).toBeCloseTo(1 / 16, 12);
    expect(area(0)).toBeCloseTo((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 12);
  });
});

describe("fitThreshold", () => {
  test("reaches what was asked, with as many photos as possible", () => {
    fc.assert(
      fc.property(photos, fc.double({ min: 0.5, max: 1, noNaN: true }), (drawn, asked) => {
        const accuracyFrom = (threshold: number) => {
          const chosen = drawn.filter(([confidence]) => confidence >= threshold);
          return chosen.filter(([, isRight]) => isRight).length / chosen.length;
        };
        const found = fitThreshold(answersOf(drawn), asked);
        const good = drawn.map(([confidence]) => confidence).filter((one) => accuracyFrom(one) >= asked);
        if (good.length === 0) expect(found).toBeNull();
        else {
          expect(found?.threshold).toBe(Math.min(...good));
          expect(found?.accuracy).toBe(accuracyFrom(Math.min(...good)));
          expect(found?.atLeast).toBeLessThan(found?.accuracy ?? 0);
        }
      }),
    );
  });

  test("59 right answers are needed to be sure of 95 %", () => {
    const right = (count: number) =>
      answersOf(Array.from({ length: count }, (_, i) => [0.9 + i / 1000, true]));
    expect(fitThreshold(right(58), 0.95, { by: "lower-bound" })).toBeNull();
    expect(fitThreshold(right(59), 0.95, { by: "lower-bound" })).toMatchObject({ accuracy: 1, coverage: 1 });
    expect(fitThreshold(right(58), 0.95)?.threshold).toBe(0.9);
    expect(fitThreshold(right(59), 1, { by: "lower-bound" })).toBeNull();
  });

  test("nothing reaches it", () => {
    expect(fitThreshold(answersOf([[0.9, false]]), 0.5)).toBeNull();
    expect(fitThreshold(answersOf([]), 0.5)).toBeNull();
  });

  test("refuses an accuracy that cannot be", () => {
    for (const accuracy of [0, 1.1, -1, Number.NaN])
      expect(() => fitThreshold(answersOf([[0.9, true]]), accuracy)).toThrow(HeadstartError);
  });
});
