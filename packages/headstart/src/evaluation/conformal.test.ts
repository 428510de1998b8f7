import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { createRandom, type Random } from "../random.js";
import { fitConformal, predictionSet } from "./conformal.js";
import { applyTemperature } from "./temperature.js";

const CLASSES = 8;

/** A hard problem, and a classifier that is far too sure. */
function drawPhotos(random: Random, photos: number) {
  return Array.from({ length: photos }, () => {
    const label = random.integer(CLASSES);
    const logits = Array.from({ length: CLASSES }, (_, c) => random.between(0, 10) + (c === label ? 6 : 0));
    return { row: applyTemperature(logits, CLASSES, 0.5), label };
  });
}

function answersOf(photos: ReturnType<typeof drawPhotos>) {
  return {
    probabilities: photos.flatMap(({ row }) => [...row]),
    labels: photos.map(({ label }) => label),
    classes: CLASSES,
  };
}

describe("conformal sets", () => {
  test.each(["lac", "aps"] as const)("%s covers what was asked, over 50 random splits", (method) => {
    const photos = drawPhotos(createRandom(4), 600);
    const coverages = Array.from({ length: 50 }, (_, seed) => {
      const order = createRandom(seed, "split").shuffle([...photos]);
      const conformal = fitConformal(answersOf(order.slice(0, 300)), { method });
      const held = order.slice(300);
      return (
        held.filter(({ row, label }) => predictionSet(row, conformal).includes(label)).length / held.length
      );
    });
    const mean = coverages.reduce((a, b) => a + b) / coverages.length;
    expect(mean).toBeGreaterThan(0.89);
    expect(mean).toBeLessThan(0.915);
  });

  test("lac has the smaller sets", () => {
    const photos = drawPhotos(createRandom(5), 600);
    const size = (method: "lac" | "aps") => {
      const conformal = fitConformal(answersOf(photos), { method });
      return photos.reduce((sum, { row }) => sum + predictionSet(row, conformal).length, 0);
    };
    expect(size("lac")).toBeLessThan(size("aps"));
  });

  test("a set is never empty, begins with the most probable class and grows with the coverage", () => {
    const rows = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(
        rows,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom("lac", "aps"),
        (row, threshold, method) => {
          const sum = row.reduce((a, b) => a + b);
          const probabilities = row.map((part) => part / sum);
          const set = predictionSet(probabilities, { method, coverage: 0.9, threshold, photos: 9 });
          expect(probabilities[set[0] ?? -1]).toBe(Math.max(...probabilities));
          const larger = predictionSet(probabilities, { method, coverage: 0.9, threshold: 1, photos: 9 });
          expect(larger.length).toBe(3);
          expect(larger.slice(0, set.length)).toEqual(set);
        },
      ),
    );
  });

  test("too few photos give all classes", () => {
    const answers = { probabilities: [0.9, 0.1], labels: [0], classes: 2 };
    expect(fitConformal(answers).threshold).toBe(1);
    expect(predictionSet([0, 1], fitConformal(answers))).toEqual([1, 0]);
    expect(fitConformal({ probabilities: [], labels: [], classes: 2 }).photos).toBe(0);
  });

  test("nine photos are enough for 90 %", () => {
    const rows = Array.from({ length: 9 }, (_, i) => [0.5 + i / 32, 0.5 - i / 32]);
    const answers = { probabilities: rows.flat(), labels: new Array<number>(9).fill(0), classes: 2 };
    expect(fitConformal(answers).threshold).toBe(0.5);
  });

  test("refuses a coverage that cannot be", () => {
    const answers = { probabilities: [0.9, 0.1], labels: [0], classes: 2 };
    for (const coverage of [0, 1, -1, Number.NaN])
      expect(() => fitConformal(answers, { coverage })).toThrow(HeadstartError);
  });
});
