import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../random.js";
import { ACCURACIES, COVERAGES, fitCalibration, measureCertainty } from "./certainty.js";
import { applyTemperature } from "./temperature.js";

const CLASSES = 4;

/** Photos of a classifier that is right as often as its logits say at temperature 3. */
function draw(random: Random, photos: number) {
  const logits = Array.from({ length: photos * CLASSES }, () => random.between(-24, 24));
  const true_ = applyTemperature(logits, CLASSES, 3);
  const labels = Array.from({ length: photos }, (_, photo) => {
    let left = random.uniform();
    for (let c = 0; c < CLASSES; c++) {
      left -= true_[photo * CLASSES + c] ?? 0;
      if (left < 0) return c;
    }
    return CLASSES - 1;
  });
  return { logits, labels, classes: CLASSES };
}

const probabilitiesOf = ({ logits }: ReturnType<typeof draw>, temperature: number) =>
  applyTemperature(logits, CLASSES, temperature);

describe("fitCalibration", () => {
  test("finds the temperature, and what it promises of other photos holds", () => {
    const calibration = fitCalibration(draw(createRandom(1), 20_000));
    expect(calibration.temperature).toBeCloseTo(3, 0);
    expect(calibration).toMatchObject({ photos: 20_000 });
    expect(calibration.thresholds.map(({ asked }) => asked)).toEqual(ACCURACIES);
    expect(calibration.sets.map(({ coverage }) => coverage)).toEqual(COVERAGES);
    const others = draw(createRandom(2), 20_000);
    const answers = { ...others, probabilities: probabilitiesOf(others, calibration.temperature) };
    const { thresholds, sets, unlike } = measureCertainty(answers, calibration);
    for (const { asked, accuracy, coverage } of thresholds) {
      expect(accuracy).toBeGreaterThan(asked - 0.005);
      expect(coverage).toBeGreaterThan(0.2);
    }
    for (const { asked, covered, meanSize } of sets) {
      expect(covered).toBeGreaterThan(asked - 0.01);
      expect(meanSize).toBeGreaterThanOrEqual(1);
    }
    expect(sets.at(-1)?.meanSize).toBeGreaterThan(sets[0]?.meanSize ?? 9);
    expect(unlike).toBeNull();
  });

  test("of few photos nothing much can be promised, and it says so", () => {
    const calibration = fitCalibration({ logits: [2, 0, 0, 2], labels: [0, 1], classes: 2 });
    expect(calibration.thresholds.map(({ threshold }) => threshold)).toEqual(ACCURACIES.map(() => null));
    const answers = { probabilities: [0.9, 0.1], labels: [0], classes: 2 };
    expect(measureCertainty(answers, calibration).thresholds[0]).toEqual({
      asked: 0.8,
      threshold: null,
      coverage: 0,
      accuracy: null,
      accuracyInterval: null,
    });
  });
});

describe("measureCertainty", () => {
  test("counts by hand", () => {
    const calibration = {
      temperature: 1,
      photos: 9,
      thresholds: [{ asked: 0.9, threshold: 0.7, accuracy: 1, atLeast: 0.9, coverage: 0.5 }],
      sets: [{ method: "lac", coverage: 0.9, threshold: 0.6, photos: 9 }],
    } as const;
    const answers = { probabilities: [0.7, 0.3, 0.2, 0.8, 0.55, 0.45], labels: [0, 0, 1], classes: 2 };
    expect(measureCertainty(answers, calibration, [0.1, 0.99, 1])).toMatchObject({
      thresholds: [{ asked: 0.9, threshold: 0.7, coverage: 2 / 3, accuracy: 1 / 2 }],
      sets: [{ asked: 0.9, covered: 2 / 3, meanSize: 4 / 3 }],
      unlike: 2 / 3,
    });
  });

  test("without photos there is nothing", () => {
    const { thresholds, sets } = measureCertainty(
      { probabilities: [], labels: [], classes: 2 },
      fitCalibration({ logits: [2, 0], labels: [0], classes: 2 }),
    );
    expect(thresholds[0]).toMatchObject({ coverage: null, accuracy: null });
    expect(sets[0]).toEqual({ asked: 0.8, covered: null, coveredInterval: null, meanSize: null });
  });

  test("more is answered where less is asked, and larger sets cover more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
        const photos = draw(createRandom(seed), 150);
        const calibration = fitCalibration(photos);
        const answers = { ...photos, probabilities: probabilitiesOf(photos, calibration.temperature) };
        const { thresholds, sets } = measureCertainty(answers, calibration);
        const falls = (values: readonly (number | null)[]) =>
          values.every((value, i) => i === 0 || (value ?? 0) <= (values[i - 1] ?? 0));
        expect(falls(thresholds.map(({ coverage }) => coverage))).toBe(true);
        expect(falls(sets.map(({ covered }) => -(covered ?? 0)))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
