import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accuracy, classShares, confusionMatrix, macroShares, topKAccuracy } from "./shares.js";

const photo = fc.tuple(fc.nat(2), fc.array(fc.constantFrom(0, 0.25, 0.5), { minLength: 3, maxLength: 3 }));
const answers = fc.array(photo, { minLength: 1, maxLength: 20 }).map((drawn) => ({
  probabilities: drawn.flatMap(([, row]) => row),
  labels: drawn.map(([label]) => label),
  classes: 3,
}));

describe("shares", () => {
  test("nothing to divide by is no figure", () => {
    const shares = classShares([
      [2, 0, 0],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    expect(shares[1]).toEqual({ precision: null, recall: 0, f1: 0 });
    expect(shares[2]).toEqual({ precision: null, recall: null, f1: null });
    expect(macroShares(shares)).toEqual({ precision: 2 / 3, recall: 0.5, f1: 0.4 });
    expect(accuracy([[0]])).toBeNull();
    expect(topKAccuracy({ probabilities: [], labels: [], classes: 3 }, 1)).toBeNull();
  });

  test("the first of the top classes is the predicted one, and all classes hold the true one", () => {
    fc.assert(
      fc.property(answers, (drawn) => {
        expect(topKAccuracy(drawn, 1)).toBeCloseTo(accuracy(confusionMatrix(drawn)) ?? -1, 12);
        expect(topKAccuracy(drawn, 3)).toBe(1);
        expect(topKAccuracy(drawn, 2)).toBeGreaterThanOrEqual(topKAccuracy(drawn, 1) ?? 2);
      }),
    );
  });

  test("a photo that counts twice counts as two photos", () => {
    fc.assert(
      fc.property(answers, (drawn) => {
        const { probabilities, labels, classes } = drawn;
        const twice = {
          probabilities: [...probabilities, ...probabilities.slice(0, classes)],
          labels: [...labels, labels[0] ?? 0],
          classes,
        };
        const weights = labels.map((_, i) => (i === 0 ? 2 : 1));
        expect(confusionMatrix(drawn, weights)).toEqual(confusionMatrix(twice));
        expect(topKAccuracy(drawn, 2, weights)).toBe(topKAccuracy(twice, 2));
      }),
    );
  });
});
