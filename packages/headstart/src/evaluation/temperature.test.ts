import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { createRandom } from "../random.js";
import { logLoss } from "./scoring-rules.js";
import { applyTemperature, fitTemperature } from "./temperature.js";

const drawn = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 4 }), fc.integer())
  .map(([photos, classes, seed]) => {
    const random = createRandom(seed);
    return {
      logits: Array.from({ length: photos * classes }, () => random.between(-4, 4)),
      labels: Array.from({ length: photos }, () => random.integer(classes)),
      classes,
    };
  });

describe("fitTemperature", () => {
  test("no other temperature has a smaller loss, unless every photo is right", () => {
    fc.assert(
      fc.property(drawn, fc.double({ min: 0.05, max: 20, noNaN: true }), (answers, other) => {
        const { logits, labels, classes } = answers;
        const loss = (temperature: number) =>
          logLoss({ probabilities: applyTemperature(logits, classes, temperature), labels, classes }) ?? 0;
        const temperature = fitTemperature(answers);
        expect(temperature).toBeGreaterThanOrEqual(0.05 - 1e-12);
        expect(temperature).toBeLessThanOrEqual(20 + 1e-12);
        const probabilities = applyTemperature(logits, classes, 0.05);
        const isRight = labels.every((label, photo) => {
          const row = logits.slice(photo * classes, (photo + 1) * classes);
          return row[label] === Math.max(...row);
        });
        // The loss itself takes probabilities below 1e-7 as 1e-7, the fit does not.
        const isCut = probabilities.some((probability) => probability < 1e-7);
        if (!isRight && !isCut) expect(loss(temperature)).toBeLessThanOrEqual(loss(other) + 1e-12);
      }),
    );
  });

  test("scaled logits have a scaled temperature, and logarithms of probabilities the same", () => {
    const logits = [2, 0, 1, 0, 3, 0, 0, 1];
    const labels = [0, 1, 0, 1];
    const fitted = fitTemperature({ logits, labels, classes: 2 });
    const doubled = fitTemperature({ logits: logits.map((logit) => 2 * logit), labels, classes: 2 });
    expect(doubled / fitted).toBeCloseTo(2, 9);
    const logarithms = Array.from(applyTemperature(logits, 2, 1), Math.log);
    expect(fitTemperature({ logits: logarithms, labels, classes: 2 })).toBeCloseTo(fitted, 9);
  });

  test("n right answers out of n make the mean confidence (n + 1) / (n + 2)", () => {
    const answers = { logits: [9, 0, 0, 4, 2, 0], labels: [0, 1, 0], classes: 2 };
    const probabilities = applyTemperature(answers.logits, 2, fitTemperature(answers));
    const confidences = [0, 3, 4].map((i) => probabilities[i] ?? 0);
    expect(confidences.reduce((a, b) => a + b) / 3).toBeCloseTo(4 / 5, 10);
  });

  test("stays between its bounds, however far from them the best is", () => {
    expect(fitTemperature({ logits: [1e-6, 0, 1e-6, 0], labels: [0, 0], classes: 2 })).toBeCloseTo(0.05, 12);
    expect(fitTemperature({ logits: [1e6, 0], labels: [1], classes: 2 })).toBeCloseTo(20, 10);
    expect(fitTemperature({ logits: [3, 3, 1, 1], labels: [0, 1], classes: 2 })).toBe(1);
  });

  test("refuses what it cannot use", () => {
    const refused = (logits: number[], labels: number[]) =>
      expect(() => fitTemperature({ logits, labels, classes: 2 })).toThrow(HeadstartError);
    refused([], []);
    refused([1, 2, 3], [0]);
    refused([1, 2], [2]);
    refused([1, Number.NEGATIVE_INFINITY], [0]);
    expect(() => applyTemperature([1, 2], 2, 0)).toThrow(HeadstartError);
    expect(() => applyTemperature([1, 2], 2, Number.NaN)).toThrow(HeadstartError);
  });
});

test("applied, large logits do not overflow and probabilities make 1", () => {
  expect([...applyTemperature([1000, 0, -1000], 3, 1)]).toEqual([1, 0, 0]);
  fc.assert(
    fc.property(drawn, ({ logits, classes }) => {
      const sum = applyTemperature(logits, classes, 0.5).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(logits.length / classes, 9);
    }),
  );
});
