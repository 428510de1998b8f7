import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Answers } from "./answers.js";
import { clopperPearsonLower } from "./binomial.js";
import { calibrationError, reliability } from "./calibration.js";
import { averagePrecision, precisionRecallCurve, rank, rocArea, rocCurve } from "./ranked.js";
import { brierScore, logLoss } from "./scoring-rules.js";
import {
  accuracy,
  type ClassShares,
  classShares,
  confusionMatrix,
  macroShares,
  topKAccuracy,
} from "./shares.js";
import { applyTemperature, fitTemperature } from "./temperature.js";

// Made by bench/peers/sklearn_goldens.py with scikit-learn 1.9.1 and SciPy 1.17.1.
interface Figures {
  readonly confusion: number[][];
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  readonly perClass: ClassShares[];
  readonly macro: ClassShares;
  readonly rocAreas: (number | null)[];
  readonly rocArea: number | null;
  readonly averagePrecisions: (number | null)[];
  readonly averagePrecision: number;
  readonly logLoss: number;
  readonly brier: number;
  readonly top2?: number;
  readonly top3?: number;
  readonly bins?: { photos: number; accuracy: number | null; confidence: number | null }[];
  readonly calibrationError?: number;
}
type Point = [number, number, number | null];
interface Case {
  readonly name: string;
  readonly parts: number[][];
  readonly labels: number[];
  readonly figures: Figures;
  readonly weights?: number[];
  readonly weighted?: Figures;
  readonly curves?: { readonly roc: Point[]; readonly precisionRecall: Point[] };
}
const golden: {
  readonly cases: Case[];
  readonly bounds: [correct: number, n: number, confidence: number, low: number][];
  readonly temperatures: { logits: number[][]; labels: number[]; temperature: number; loss: number }[];
} = JSON.parse(
  readFileSync(new URL("../../test/fixtures/evaluation/measures.json", import.meta.url), "utf8"),
);

/** Holds two figures to be the same to 1e-9, or both none. */
function expectSame(found: number | null | undefined, wanted: number | null | undefined): void {
  if (wanted === null || wanted === undefined) expect(found).toBeNull();
  else expect(Math.abs((found ?? Number.NaN) - wanted)).toBeLessThan(1e-9);
}

function answersOf({ parts, labels }: Case): Answers {
  const probabilities = parts.flatMap((row) => {
    const sum = row.reduce((a, b) => a + b);
    return row.map((part) => part / sum);
  });
  return { probabilities, labels, classes: parts[0]?.length ?? 0 };
}

function rankedOf({ probabilities, labels, classes }: Answers, c: number) {
  const photos = Array.from(labels, (_, photo) => photo);
  return rank(
    photos.map((photo) => probabilities[photo * classes + c] ?? 0),
    photos.map((photo) => labels[photo] === c),
  );
}

function meanOfKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
}

const runs = golden.cases.flatMap((one) => [
  { title: one.name, one, wanted: one.figures, weights: undefined },
  ...(one.weighted
    ? [{ title: `${one.name}, weighted`, one, wanted: one.weighted, weights: one.weights }]
    : []),
]);

describe.each(runs)("scikit-learn's figures: $title", ({ one, wanted, weights }) => {
  const answers = answersOf(one);

  test("shares", () => {
    const confusion = confusionMatrix(answers, weights);
    expect(confusion).toEqual(wanted.confusion);
    expectSame(accuracy(confusion), wanted.accuracy);
    const shares = classShares(confusion);
    for (const [c, figures] of wanted.perClass.entries())
      for (const key of ["precision", "recall", "f1"] as const) expectSame(shares[c]?.[key], figures[key]);
    const macro = macroShares(shares);
    for (const key of ["precision", "recall", "f1"] as const) expectSame(macro[key], wanted.macro[key]);
    expectSame(macro.recall, wanted.balancedAccuracy);
    if (wanted.top2 !== undefined) expectSame(topKAccuracy(answers, 2, weights), wanted.top2);
    if (wanted.top3 !== undefined) expectSame(topKAccuracy(answers, 3, weights), wanted.top3);
  });

  test("areas", () => {
    const ranked = Array.from({ length: answers.classes }, (_, c) => rankedOf(answers, c));
    const rocAreas = ranked.map((own) => rocArea(own, weights));
    const precisions = ranked.map((own) => averagePrecision(own, weights));
    for (const [c, area] of wanted.rocAreas.entries()) expectSame(rocAreas[c], area);
    for (const [c, precision] of wanted.averagePrecisions.entries()) expectSame(precisions[c], precision);
    expectSame(meanOfKnown(rocAreas), wanted.rocArea);
    expectSame(meanOfKnown(precisions), wanted.averagePrecision);
  });

  test("scoring rules and calibration", () => {
    expectSame(logLoss(answers, weights), wanted.logLoss);
    expectSame(brierScore(answers, weights), wanted.brier);
    if (wanted.bins === undefined) return;
    for (const [bin, found] of reliability(answers).entries()) {
      expect(found.photos).toBe(wanted.bins[bin]?.photos);
      expectSame(found.accuracy, wanted.bins[bin]?.accuracy);
      expectSame(found.confidence, wanted.bins[bin]?.confidence);
    }
    expectSame(calibrationError(answers), wanted.calibrationError);
  });

  test.runIf(one.curves !== undefined && weights === undefined)("curves", () => {
    const ranked = rankedOf(answers, 1);
    const points = precisionRecallCurve(ranked) ?? [];
    const wantedPoints = one.curves?.precisionRecall ?? [];
    expect(points.length).toBe(wantedPoints.length);
    for (const [i, [precision, recall, threshold]] of wantedPoints.entries()) {
      expectSame(points[i]?.precision, precision);
      expectSame(points[i]?.recall, recall);
      expectSame(points[i]?.threshold, threshold);
    }
    // Every point of scikit-learn's ROC curve lies on ours, and every one of ours is among them.
    const roc = rocCurve(ranked) ?? [];
    const all = one.curves?.roc ?? [];
    for (const { falsePositiveRate, truePositiveRate, threshold } of roc) {
      const same = all.find(([, , at]) => at === threshold);
      expectSame(falsePositiveRate, same?.[0]);
      expectSame(truePositiveRate, same?.[1]);
    }
    expect(roc.length).toBeLessThanOrEqual(all.length);
    for (const [x, y] of all) {
      const isOn = roc.some((from, i) => {
        const to = roc[i + 1] ?? from;
        const [dx, dy] = [
          to.falsePositiveRate - from.falsePositiveRate,
          to.truePositiveRate - from.truePositiveRate,
        ];
        const [px, py] = [x - from.falsePositiveRate, y - from.truePositiveRate];
        return (
          Math.abs(dx * py - dy * px) < 1e-9 &&
          px >= -1e-9 &&
          py >= -1e-9 &&
          px <= dx + 1e-9 &&
          py <= dy + 1e-9
        );
      });
      expect(isOn).toBe(true);
    }
  });
});

test.each(golden.bounds)("SciPy's Clopper-Pearson bound: %i of %i at %d", (correct, n, confidence, low) => {
  expectSame(clopperPearsonLower(correct, n, confidence), low);
});

test.each(golden.temperatures)("the temperature where SciPy finds the slope 0: $temperature", (wanted) => {
  const { logits, labels, temperature, loss } = wanted;
  const classes = logits[0]?.length ?? 0;
  const found = fitTemperature({ logits: logits.flat(), labels, classes });
  expect(Math.abs(found / temperature - 1)).toBeLessThan(1e-10);
  expectSame(
    logLoss({ probabilities: applyTemperature(logits.flat(), classes, found), labels, classes }),
    loss,
  );
});
