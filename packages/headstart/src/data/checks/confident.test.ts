import { describe, expect, test } from "vitest";
import { createRandom } from "../../random.js";
import { confidentLearning, doubtOf, type LabelledProbabilities, prune } from "./confident.js";
import type { CheckedPhoto } from "./finding.js";
import { doubtfulLabels, labelFindings, suspectLabels } from "./labels.js";

/** Worked by hand: two classes, the fourth photo of the first and the third of the second are labelled wrongly. */
const HAND: LabelledProbabilities = {
  probabilities: Float32Array.of(0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.8, 0.2),
  labels: [0, 0, 0, 0, 1, 1, 1],
  classes: 2,
};

describe("confident learning", () => {
  test("thresholds are the classes' mean probabilities of themselves", () => {
    const { thresholds } = confidentLearning(HAND);
    expect(thresholds[0]).toBeCloseTo((0.9 + 0.8 + 0.7 + 0.1) / 4, 5);
    expect(thresholds[1]).toBeCloseTo((0.8 + 0.7 + 0.2) / 3, 5);
  });

  test("counts what is confident, scaled to the labels", () => {
    const { joint, offDiagonal } = confidentLearning(HAND);
    expect(joint).toEqual([
      [3, 1],
      [1, 2],
    ]);
    expect(offDiagonal).toEqual([3, 6]);
  });

  test("prunes by class and by noise rate", () => {
    const found = confidentLearning(HAND);
    expect(prune(HAND, found, "class")).toEqual([3, 6]);
    expect(prune(HAND, found, "noise-rate")).toEqual([3, 6]);
  });

  test("a class without photos, and one that nothing reaches, do no harm", () => {
    const given = {
      probabilities: Float32Array.of(0.4, 0.4, 0.2, 0.5, 0.3, 0.2),
      labels: [0, 0],
      classes: 3,
    };
    const { joint, thresholds } = confidentLearning(given);
    expect(thresholds.slice(1)).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(joint).toEqual([
      [2, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("doubt is the margin of the best other class", () => {
    const given = { probabilities: Float32Array.of(0.2, 0.5, 0.3), labels: [2], classes: 3 };
    const { other, margin } = doubtOf(given, 0);
    expect(other).toBe(1);
    expect(margin).toBeCloseTo(0.2, 6);
  });

  test("finds labels that were flipped, and few others", () => {
    const random = createRandom("labels");
    const classes = 4;
    const truths = Array.from({ length: 400 }, (_, i) => i % classes);
    const labels = truths.map((truth, i) =>
      i % 12 === 0 ? (truth + 1 + random.integer(3)) % classes : truth,
    );
    // The model is right most of the time, and torn now and then.
    const probabilities = Float32Array.from(
      truths.flatMap((truth) => {
        const own = random.between(0.45, 0.95);
        const parts = Array.from({ length: classes }, () => random.between(0.1, 1));
        const rest = parts.reduce((sum, part, c) => (c === truth ? sum : sum + part), 0);
        return parts.map((part, c) => (c === truth ? own : ((1 - own) * part) / rest));
      }),
    );
    const given = { probabilities, labels, classes };
    const wrong = labels.flatMap((label, i) => (label === truths[i] ? [] : [i]));
    const suspects = suspectLabels(given);
    expect(wrong.filter((row) => suspects.has(row)).length / wrong.length).toBeGreaterThan(0.8);
    // Those are named, and no others, whose true class is far more probable than their label.
    const probability = (row: number, c: number | undefined) => probabilities[row * classes + (c ?? 0)] ?? 0;
    const clear = wrong.filter((row) => probability(row, truths[row]) - probability(row, labels[row]) > 0.65);
    expect(clear.length).toBeGreaterThan(10);
    const named = doubtfulLabels(given);
    expect(named.map(({ row }) => row).sort((a, b) => a - b)).toEqual(clear);
    expect(named.map(({ other }) => other)).toEqual(named.map(({ row }) => truths[row]));
  });
});

test("a finding says what the photo is taken for", () => {
  const photo: CheckedPhoto = {
    name: "train/cat/1.jpg",
    path: "",
    className: "cat",
    digest: "",
    bytes: 1,
    side: "train",
  };
  const [finding] = labelFindings([photo], ["cat", "dog"], [{ row: 0, other: 1, margin: 0.8 }]);
  expect(finding?.sentence).toBe("train/cat/1.jpg is labelled cat and looks like dog.");
  expect(finding?.confidence).toBeCloseTo(0.8);
  expect(finding?.movable).toEqual(["train/cat/1.jpg"]);
});
