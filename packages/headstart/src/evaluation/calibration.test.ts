import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { calibratedBand, calibrationError, reliability } from "./calibration.js";

/** Answers of two classes that are right as often as they say. */
function calibrated(photos: number, seed: number, sharpness = 1) {
  const random = createRandom(seed);
  const rows = Array.from({ length: photos }, () => {
    const first = random.uniform();
    const label = random.uniform() < first ? 0 : 1;
    const sharp = first ** sharpness / (first ** sharpness + (1 - first) ** sharpness);
    return { probabilities: [sharp, 1 - sharp], label };
  });
  return {
    probabilities: rows.flatMap(({ probabilities }) => probabilities),
    labels: rows.map(({ label }) => label),
    classes: 2,
  };
}

describe("calibration", () => {
  test("without photos there is none", () => {
    const none = { probabilities: [], labels: [], classes: 2 };
    expect(calibrationError(none)).toBeNull();
    expect(calibratedBand(none)).toBeNull();
    expect(reliability(none).map(({ photos }) => photos)).toEqual(new Array(10).fill(0));
  });

  test("a calibrated classifier lies in the band 19 times out of 20, one that is too sure above it", () => {
    const inside = (sharpness: number) =>
      Array.from({ length: 20 }, (_, seed) => {
        const answers = calibrated(150, seed, sharpness);
        const [, high] = calibratedBand(answers)?.interval ?? [0, 0];
        return (calibrationError(answers) ?? 1) <= high;
      }).filter(Boolean).length;
    expect(inside(1)).toBeGreaterThanOrEqual(17);
    expect(inside(3)).toBe(0);
  });

  test("the band narrows with more photos, and each bin with photos has one", () => {
    const few = calibratedBand(calibrated(100, 1));
    const many = calibratedBand(calibrated(1600, 1));
    expect(many?.expected).toBeLessThan((few?.expected ?? 0) / 2);
    expect(many?.bins.map((bin) => bin === null)).toEqual([
      ...new Array(5).fill(true),
      ...new Array(5).fill(false),
    ]);
  });
});
