import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { Runtime } from "../runtime/index.js";
import { type CrossValidateOptions, crossValidate } from "./cross-validate.js";
import type { LabelledFeatures } from "./linear-fit.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

const FEATURES = 6;
const CLASSES = 3;

function setOf(values: readonly number[], labels: readonly number[]): LabelledFeatures {
  const read = async (rows: readonly number[]) =>
    Float32Array.from(rows.flatMap((row) => values.slice(row * FEATURES, (row + 1) * FEATURES)));
  return { count: labels.length, labels, digests: labels.map((_, row) => `photo ${row}`), read };
}

function clusters(perClass: number, spread: number) {
  const random = createRandom("clusters");
  const centres = Array.from({ length: CLASSES * FEATURES }, () => random.between(-1, 1));
  const labels = Array.from({ length: perClass * CLASSES }, (_, i) => i % CLASSES);
  const values = labels.flatMap((label) =>
    Array.from(
      { length: FEATURES },
      (_, j) => (centres[label * FEATURES + j] ?? 0) + random.between(-spread, spread),
    ),
  );
  return { values, labels };
}

function validated(set: LabelledFeatures, options: Partial<CrossValidateOptions> = {}) {
  return crossValidate(runtime, set, {
    features: FEATURES,
    classes: CLASSES,
    l2: 0.03,
    random: createRandom("folds"),
    ...options,
  });
}

function answers(probabilities: Float32Array): number[] {
  return Array.from({ length: probabilities.length / CLASSES }, (_, row) => {
    const own = [...probabilities.subarray(row * CLASSES, (row + 1) * CLASSES)];
    return own.indexOf(Math.max(...own));
  });
}

describe("cross-validation", () => {
  test("gives every photo probabilities that add up to 1, and mostly its class", async () => {
    const { values, labels } = clusters(20, 0.4);
    const { probabilities, loss } = await validated(setOf(values, labels));
    expect(probabilities).toHaveLength(labels.length * CLASSES);
    for (let row = 0; row < labels.length; row++)
      expect(probabilities.subarray(row * CLASSES, (row + 1) * CLASSES).reduce((a, b) => a + b)).toBeCloseTo(
        1,
        5,
      );
    expect(answers(probabilities).filter((answer, row) => answer === labels[row]).length).toBeGreaterThan(55);
    const own = labels.reduce(
      (sum, label, row) => sum - Math.log(probabilities[row * CLASSES + label] ?? 0),
      0,
    );
    expect(loss).toBeCloseTo(own / labels.length, 4);
  });

  test("a photo's own label does not reach its probabilities, as far as its fold goes", async () => {
    const { values, labels } = clusters(20, 0.3);
    const wrong = labels.map((label, row) => (row === 7 ? (label + 1) % CLASSES : label));
    const { probabilities } = await validated(setOf(values, wrong));
    expect(answers(probabilities)[7]).toBe(labels[7]);
  });

  test("rows that are left out change nothing for the others' heads, and are answered", async () => {
    const { values, labels } = clusters(20, 0.3);
    const leftOut = new Set([0, 1, 2]);
    const options = { leftOut };
    const plain = await validated(setOf(values, labels), options);
    // Their labels differ within their classes' folds only: who is left out must not matter through the fit.
    const moved = values.map((value, i) => (i < 3 * FEATURES ? value * 100 : value));
    const changed = await validated(setOf(moved, labels), options);
    const others = (probabilities: Float32Array) => [...probabilities.subarray(3 * CLASSES)];
    for (const [i, value] of others(changed.probabilities).entries())
      expect(value).toBeCloseTo(others(plain.probabilities)[i] ?? 0, 4);
    expect(answers(plain.probabilities).slice(0, 3)).toEqual(labels.slice(0, 3));
  });

  test("the same random numbers give the same probabilities", async () => {
    const { values, labels } = clusters(10, 0.5);
    const [one, other] = [await validated(setOf(values, labels)), await validated(setOf(values, labels))];
    expect([...one.probabilities]).toEqual([...other.probabilities]);
  });

  test("can be interrupted", async () => {
    const { values, labels } = clusters(10, 0.5);
    await expect(validated(setOf(values, labels), { signal: AbortSignal.abort() })).rejects.toThrow(
      "interrupted",
    );
  });
});
