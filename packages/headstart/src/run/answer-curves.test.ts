import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { newFolder } from "../../test/support/temporary.js";
import { areaUnderRiskCoverage, averagePrecision, rank, riskCoverage, rocArea } from "../evaluation/index.js";
import { createRandom } from "../random.js";
import type { CurvePoint } from "../report/html/index.js";
import { answerCurves, readAnswerCurves, writeAnswerCurves } from "./answer-curves.js";
import { RUN_FILES } from "./folder.js";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Made-up probabilities of a classifier that is often right. */
function madeUp(photos: number, classes: number) {
  const random = createRandom(0, "curves");
  const probabilities = new Float32Array(photos * classes);
  const labels = Array.from({ length: photos }, (_, photo) => photo % classes);
  for (const [photo, label] of labels.entries()) {
    const row = probabilities.subarray(photo * classes, (photo + 1) * classes);
    for (let c = 0; c < classes; c++) row[c] = Math.exp(3 * random.uniform() + (c === label ? 2 : 0));
    const sum = row.reduce((total, value) => total + value, 0);
    for (let c = 0; c < classes; c++) row[c] = (row[c] ?? 0) / sum;
  }
  return { probabilities, labels, classes };
}

function area(points: readonly CurvePoint[]): number {
  return points
    .slice(1)
    .reduce((sum, [x, y], i) => sum + ((x - (points[i]?.[0] ?? 0)) * (y + (points[i]?.[1] ?? 0))) / 2, 0);
}

describe("answerCurves", () => {
  test("the areas below what is drawn are the areas that are measured", () => {
    const answers = madeUp(3000, 5);
    const { perClass, riskCoverage: risks } = answerCurves(answers.probabilities, answers.labels, 5);
    for (const [label, { roc, precisionRecall }] of perClass.entries()) {
      const ranked = rank(
        answers.labels.map((_, photo) => answers.probabilities[photo * 5 + label] ?? 0),
        answers.labels.map((one) => one === label),
      );
      expect(area(roc ?? [])).toBeCloseTo(rocArea(ranked) ?? -1, 2);
      expect(area(precisionRecall ?? [])).toBeCloseTo(averagePrecision(ranked) ?? -1, 2);
      for (const points of [roc, precisionRecall]) expect(points?.length).toBeLessThanOrEqual(60);
    }
    expect(area(risks)).toBeCloseTo(areaUnderRiskCoverage(riskCoverage(answers)) ?? -1, 2);
  });

  test("few photos are drawn exactly; precision keeps to its value until recall rises", () => {
    // Photos of class 0 in the order of its probability: its own, another's, its own.
    const { perClass, riskCoverage: risks } = answerCurves(
      Float32Array.of(0.9, 0.1, 0.8, 0.2, 0.6, 0.4),
      [0, 1, 0],
      2,
    );
    expect(perClass[0]?.roc).toEqual([
      [0, 0],
      [0, 0.5],
      [1, 0.5],
      [1, 1],
    ]);
    expect(perClass[0]?.precisionRecall).toEqual([
      [0, 1],
      [0.5, 1],
      [0.5, 0.6667],
      [1, 0.6667],
    ]);
    expect(risks).toEqual([
      [0.3333, 0],
      [0.6667, 0.5],
      [1, 0.3333],
    ]);
  });

  test("a class without photos has no curves, and no photos have none at all", () => {
    const { perClass } = answerCurves(Float32Array.of(0.9, 0.1), [0], 2);
    expect(perClass).toEqual([
      {
        roc: null,
        precisionRecall: [
          [0, 1],
          [1, 1],
        ],
      },
      { roc: null, precisionRecall: null },
    ]);
    expect(answerCurves(new Float32Array(), [], 2).riskCoverage).toEqual([]);
  });

  test("133 classes and 20,000 photos take less than 2 MB", async () => {
    const { probabilities, labels, classes } = madeUp(10_000, 133);
    const curves = answerCurves(probabilities, labels, classes);
    expect(JSON.stringify({ validation: curves, test: curves }).length).toBeLessThan(2e6);
  });
});

describe("answer-curves.json", () => {
  test("is read as it was written", async () => {
    expect(await readAnswerCurves(folder)).toBeUndefined();
    const { probabilities, labels, classes } = madeUp(60, 3);
    const curves = { validation: null, test: answerCurves(probabilities, labels, classes) };
    await writeAnswerCurves(folder, curves);
    expect(await readAnswerCurves(folder)).toEqual(curves);
  });

  test.each(["", "{}", '{"validation":null,"test":{"perClass":[],"riskCoverage":[[0,2]]}}'])(
    "is damaged: %s",
    async (text) => {
      writeFileSync(join(folder, RUN_FILES.answerCurves), text);
      await expect(readAnswerCurves(folder)).rejects.toMatchObject({ code: "INVALID_RUN" });
    },
  );
});
