import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { averagePrecision, precisionRecallCurve, rank, rocArea, rocCurve } from "./ranked.js";

const photos = fc.array(fc.tuple(fc.constantFrom(0, 0.1, 0.2, 0.5, 0.9), fc.boolean()), {
  minLength: 1,
  maxLength: 25,
});
const rankedOf = (drawn: readonly (readonly [number, boolean])[]) =>
  rank(
    drawn.map(([score]) => score),
    drawn.map(([, positive]) => positive),
  );

describe("ranked measures", () => {
  test("without photos of both sides there is no ROC curve, without positives no precision", () => {
    const negatives = rank([0.1, 0.2], [false, false]);
    expect(rocCurve(negatives)).toBeNull();
    expect(rocArea(negatives)).toBeNull();
    expect(precisionRecallCurve(negatives)).toBeNull();
    expect(averagePrecision(negatives)).toBeNull();
    expect(rocCurve(rank([0.1], [true]))).toBeNull();
    expect(averagePrecision(rank([0.1], [true]))).toBe(1);
    expect(rocArea(rank([], []))).toBeNull();
  });

  test("the area is the share of pairs in the right order, equal ones half", () => {
    fc.assert(
      fc.property(photos, (drawn) => {
        const pairs = drawn
          .filter(([, positive]) => positive)
          .flatMap(([high]) =>
            drawn.filter(([, positive]) => !positive).map(([low]) => (Math.sign(high - low) + 1) / 2),
          );
        const area = rocArea(rankedOf(drawn));
        if (pairs.length === 0) expect(area).toBeNull();
        else expect(area).toBeCloseTo(pairs.reduce((a, b) => a + b) / pairs.length, 12);
      }),
    );
  });

  test("the area under the curve's points is the area", () => {
    fc.assert(
      fc.property(photos, (drawn) => {
        const ranked = rankedOf(drawn);
        const curve = rocCurve(ranked);
        const area = curve?.reduce((sum, { falsePositiveRate, truePositiveRate }, i) => {
          const before = curve[i - 1] ?? { falsePositiveRate: 0, truePositiveRate: 0 };
          const width = falsePositiveRate - before.falsePositiveRate;
          return sum + (width * (truePositiveRate + before.truePositiveRate)) / 2;
        }, 0);
        if (curve === null) expect(rocArea(ranked)).toBeNull();
        else expect(area).toBeCloseTo(rocArea(ranked) ?? -1, 12);
        expect(curve?.[0]).toEqual(
          curve === null ? undefined : { falsePositiveRate: 0, truePositiveRate: 0, threshold: null },
        );
      }),
    );
  });
});
