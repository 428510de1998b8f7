import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { evaluateInDetail } from "./detailed.js";
import { evaluate } from "./metrics.js";
import { applyTemperature } from "./temperature.js";

const classes = ["a", "b", "c"];
const random = createRandom(3);
const labels = Array.from({ length: 60 }, () => random.integer(2));
const logits = labels.flatMap((label) => classes.map((_, c) => random.between(0, 4) + (c === label ? 2 : 0)));
const probabilities = Float32Array.from(applyTemperature(logits, 3, 1));

describe("evaluateInDetail", () => {
  const metrics = evaluateInDetail(probabilities, labels, classes);

  test("holds all that evaluate says", () => {
    expect(metrics).toMatchObject(evaluate(probabilities, labels, classes));
  });

  test("every figure that there is has an interval, and most lie inside", () => {
    const { balancedAccuracy, precision, f1, rocArea, averagePrecision, brier } = metrics;
    for (const { value, interval } of [balancedAccuracy, precision, f1, rocArea, averagePrecision, brier]) {
      expect(value).toBeGreaterThanOrEqual(interval?.[0] ?? 2);
      expect(value).toBeLessThanOrEqual(interval?.[1] ?? -1);
    }
    expect(metrics.calibrationError.interval).not.toBeNull();
    expect(metrics.lossInterval?.[0]).toBeLessThan(metrics.loss ?? 0);
    expect(metrics.top5Interval?.[1]).toBe(1);
    expect(metrics.riskCoverageArea).toBeLessThan(1 - (metrics.accuracy ?? 1));
  });

  test("a class without photos has no recall and no areas", () => {
    expect(metrics.perClass[2]).toMatchObject({
      className: "c",
      photos: 0,
      recall: null,
      recallInterval: null,
      rocArea: { value: null, interval: null },
      averagePrecision: { value: null, interval: null },
    });
  });

  test("survives JSON, and is the same for the same seed", () => {
    expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
    expect(evaluateInDetail(probabilities, labels, classes)).toEqual(metrics);
    const other = evaluateInDetail(probabilities, labels, classes, { seed: 1 });
    expect(other.brier.value).toBe(metrics.brier.value);
    expect(other.brier.interval).not.toEqual(metrics.brier.interval);
  });

  test("without photos there is nothing", () => {
    const none = evaluateInDetail(new Float32Array(0), [], classes);
    expect(none.photos).toBe(0);
    expect(none.balancedAccuracy).toEqual({ value: null, interval: null });
    expect(none.calibrated).toBeNull();
    expect(none.top5Interval).toBeNull();
    expect(none.riskCoverageArea).toBeNull();
    expect(none.perClass).toHaveLength(3);
  });
});
