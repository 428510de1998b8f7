import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { float32, floats, integers } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { Runtime } from "../runtime/index.js";
import type { LabelledFeatures } from "./linear-fit.js";
import {
  bestStrength,
  type FitOptions,
  type FitProgress,
  fitLinearHead,
  type LinearHead,
} from "./linear-head.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** Photos with these features, row by row; every row is a photo of its own unless digests say otherwise. */
function setOf(
  values: ArrayLike<number>,
  labels: readonly number[],
  digests = labels.map((_, row) => `photo ${row}`),
): LabelledFeatures {
  const size = values.length / labels.length;
  const read = async (rows: readonly number[]) =>
    Float32Array.from(
      rows.flatMap((row) => Array.from({ length: size }, (_, i) => values[row * size + i] ?? 0)),
    );
  return { count: labels.length, labels, digests, read };
}

/** Photos of classes that lie around a centre each, 2 `spread` wide. */
function clusters(seed: number, perClass: number, features: number, classes: number, spread: number) {
  const random = createRandom(seed, "clusters");
  const centres = createRandom(0, "centres").fill(new Float32Array(classes * features), (r) =>
    r.between(-1, 1),
  );
  const labels = Array.from({ length: perClass * classes }, (_, i) => i % classes);
  const values = labels.flatMap((label) =>
    Array.from(
      { length: features },
      (_, j) => (centres[label * features + j] ?? 0) + random.between(-spread, spread),
    ),
  );
  return { values, labels };
}

function fit(
  train: LabelledFeatures,
  options: Partial<FitOptions> & Pick<FitOptions, "features" | "classes">,
  validation?: LabelledFeatures,
): Promise<LinearHead> {
  const random = createRandom(1, "folds");
  return fitLinearHead(runtime, train, validation, { l2: 0.01, iterations: 300, random, ...options });
}

/** Probabilities that a head gives to rows of features, in 64 bits. */
function probabilities({ weight, bias }: LinearHead, values: ArrayLike<number>): number[] {
  const [D = 0, C = 0] = weight.dims;
  const [w, b] = [floats(weight), floats(bias)];
  return Array.from({ length: values.length / D }, (_, row) => {
    const logits = Array.from({ length: C }, (_, c) => {
      let sum = b[c] ?? 0;
      for (let i = 0; i < D; i++) sum += (values[row * D + i] ?? 0) * (w[i * C + c] ?? 0);
      return sum;
    });
    const most = Math.max(...logits);
    const exps = logits.map((logit) => Math.exp(logit - most));
    const total = exps.reduce((sum, value) => sum + value);
    return exps.map((value) => value / total);
  }).flat();
}

/** Mean over the features of their variance. */
function meanVariance(values: ArrayLike<number>, size: number): number {
  const rows = values.length / size;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const column = Array.from({ length: rows }, (_, row) => values[row * size + i] ?? 0);
    const mean = column.reduce((total, value) => total + value, 0) / rows;
    sum += column.reduce((total, value) => total + (value - mean) ** 2, 0) / rows;
  }
  return sum / size;
}

/**
 * The strength with which the optimum is that of scikit-learn's C. That minimises C * sum of cross-entropies + |W|^2 / 2 on features as
 * they come: the mean cross-entropy + |W|^2 / (2 C rows), after a division. On features divided by the root of their mean variance v,
 * the weights W' are sqrt(v) times as large, so |W|^2 = |W'|^2 / v.
 */
function strengthOf(C: number, values: ArrayLike<number>, size: number): number {
  return 1 / (C * (values.length / size) * meanVariance(values, size));
}

describe("fitLinearHead reaches the optimum", () => {
  const labels = Array.from({ length: 18 }, (_, i) => i % 3);
  const values = labels.flatMap((_, i) =>
    [0, 1, 2].map(
      (j) => ((i * 7 + j * 3) % 11) / 4 + (j === 0 ? i % 3 : 0) - (j === 1 && i % 3 === 1 ? 1 : 0),
    ),
  );
  // scikit-learn 1.9's LogisticRegression(C, tol=1e-12): probabilities of the first four rows.
  const cases = [
    [
      0.1,
      [
        0.494413, 0.351722, 0.153865, 0.340699, 0.328159, 0.331142, 0.244395, 0.315885, 0.43972, 0.309363,
        0.341155, 0.349482,
      ],
    ],
    [
      10,
      [
        0.926755, 0.072988, 0.000257, 0.2188, 0.458632, 0.322568, 0.004576, 0.078534, 0.91689, 0.201827,
        0.525523, 0.272651,
      ],
    ],
  ] as const;

  test.each(cases)("of scikit-learn with C = %s", async (C, expected) => {
    const head = await fit(setOf(values, labels), { features: 3, classes: 3, l2: strengthOf(C, values, 3) });
    expect(worstDifference(probabilities(head, values.slice(0, 12)), expected)).toBeLessThan(2e-4);
  });

  test("wherever the features lie", async () => {
    const moved = values.map((value) => value + 1000);
    const l2 = strengthOf(10, values, 3);
    const head = await fit(setOf(moved, labels), { features: 3, classes: 3, l2 });
    expect(worstDifference(probabilities(head, moved.slice(0, 12)), cases[1][1])).toBeLessThan(2e-3);
  });

  const golden = shared("golden/head/head.json");
  test.skipIf(!golden).each([0.01, 1, 100])("of the shared data with C = %s (needs ../shared)", async (C) => {
    const tensors = readSafetensors(shared("golden/head/head.safetensors") ?? "");
    const tensor = (name: string) => tensors.get(name) ?? float32([0], []);
    const x = floats(tensor("x"));
    const y = integers(tensor("y"));
    const l2 = strengthOf(C, x, 24);
    const head = await fit(setOf(x, y), { features: 24, classes: 5, l2, iterations: 1000 });
    const name = `logistic_C${C.toFixed(C < 1 ? 2 : 1)}`;
    const found = probabilities(head, x);
    const worst = worstDifference(found, floats(tensor(`${name}.probabilities`)));
    const crossEntropy = y.reduce(
      (sum, label, row) => sum - Math.log(found[row * 5 + label] ?? Number.NaN),
      0,
    );
    const objective = C * crossEntropy + floats(head.weight).reduce((sum, w) => sum + w * w, 0) / 2;
    const expected: number = JSON.parse(readFileSync(golden ?? "", "utf8")).cases[name].objective;
    expect(worst).toBeLessThan(5e-4);
    expect(Math.abs(objective / expected - 1)).toBeLessThan(2e-7);
  });

  test("of photos that are too many for one block", async () => {
    const rows = Array.from({ length: 275 * 18 }, (_, i) => i % 18);
    const many = rows.flatMap((row) => values.slice(row * 3, row * 3 + 3));
    const l2 = 0.02;
    const blocks = await fit(
      setOf(
        many,
        rows.map((row) => row % 3),
      ),
      { features: 3, classes: 3, l2 },
    );
    const one = await fit(setOf(values, labels), { features: 3, classes: 3, l2 });
    expect(rows.length).toBeGreaterThan(4096);
    expect(worstDifference(probabilities(blocks, values), probabilities(one, values))).toBeLessThan(1e-3);
  });
});

describe("fitLinearHead", () => {
  const { values, labels } = clusters(1, 40, 6, 3, 0.5);
  const sizes = { features: 6, classes: 3 };

  test("chooses a strong penalty for noise and a weak one for clear classes", async () => {
    const random = createRandom(9, "noise");
    const noise = values.map(() => random.between(-1, 1));
    const l2 = "cross-validated";
    const vague = await fit(setOf(noise, labels), { ...sizes, l2 });
    const clear = await fit(setOf(values, labels), { ...sizes, l2 });
    expect(vague.l2).toBeGreaterThan(0.1);
    expect(clear.l2).toBeLessThan(0.01);
    for (const { l2: chosen, crossValidation } of [vague, clear]) {
      const losses = crossValidation.map(({ loss }) => loss);
      expect(crossValidation[losses.indexOf(Math.min(...losses))]?.l2).toBe(chosen);
      expect(bestStrength(crossValidation).l2).toBe(chosen);
    }
  });

  test("says how many held-out photos are right: by chance for noise, most where classes are clear", async () => {
    const random = createRandom(9, "noise");
    const noise = values.map(() => random.between(-1, 1));
    const l2 = "cross-validated";
    const vague = await fit(setOf(noise, labels), { ...sizes, l2 });
    const clear = await fit(setOf(values, labels), { ...sizes, l2 });
    expect(bestStrength(vague.crossValidation).accuracy).toBeLessThan(0.6);
    expect(bestStrength(clear.crossValidation).accuracy).toBeGreaterThan(0.9);
    // Every photo is held out once, so that accuracy is a number of photos.
    for (const { accuracy } of [...vague.crossValidation, ...clear.crossValidation]) {
      const right = accuracy * labels.length;
      expect(right).toBeCloseTo(Math.round(right), 3);
    }
  });

  test("gives each photo's logits from a head that has not seen it", async () => {
    const { heldOut, crossValidation } = await fit(setOf(values, labels), {
      ...sizes,
      l2: "cross-validated",
    });
    const { loss, accuracy } = bestStrength(crossValidation);
    const rows = labels.map((label, row) => {
      const own = [...(heldOut ?? []).slice(row * 3, row * 3 + 3)];
      const logSum = Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0));
      return { loss: logSum - (own[label] ?? 0), isRight: own.indexOf(Math.max(...own)) === label };
    });
    expect(rows.reduce((sum, row) => sum + row.loss, 0) / rows.length).toBeCloseTo(loss, 4);
    expect(rows.filter(({ isRight }) => isRight).length / rows.length).toBeCloseTo(accuracy, 5);
  });

  test("takes a given penalty and tries no other", async () => {
    expect(await fit(setOf(values, labels), { ...sizes, l2: 0.3 })).toMatchObject({
      l2: 0.3,
      crossValidation: [],
      heldOut: undefined,
    });
  });

  test("copies of a photo do not vouch for one another", async () => {
    // Noise, every photo four times: held-out copies of a photo seen in training would make no penalty look best.
    const random = createRandom(5, "noise");
    const own = Array.from({ length: 40 }, () => Array.from({ length: 12 }, () => random.between(-1, 1)));
    const rows = Array.from({ length: 160 }, (_, i) => i % 40);
    const copies = setOf(
      rows.flatMap((row) => own[row] ?? []),
      rows.map((row) => row % 2),
      rows.map(String),
    );
    const { l2 } = await fit(copies, { features: 12, classes: 2, l2: "cross-validated" });
    expect(l2).toBeGreaterThan(0.1);
  });

  test("validation photos are measured and decide nothing", async () => {
    const random = createRandom(4, "labels");
    const wrong = setOf(
      values,
      labels.map(() => random.integer(3)),
    );
    const progress: FitProgress[] = [];
    const options = { ...sizes, l2: "cross-validated", iterations: 12 } as const;
    const onProgress = (step: FitProgress) => progress.push(step);
    const without = await fit(setOf(values, labels), options);
    const measured = await fit(setOf(values, labels), { ...options, onProgress }, wrong);
    expect(measured).toEqual(without);
    const strengths = progress.filter((step) => step.kind === "strength");
    const tried = measured.crossValidation.map(({ l2, loss }) => ({ l2, loss }));
    expect(strengths.map(({ l2, loss }) => ({ l2, loss }))).toEqual(tried);
    expect(strengths.map(({ done }) => done)).toEqual(strengths.map((_, i) => i + 1));
    const iterations = progress.filter((step) => step.kind === "iteration");
    expect(iterations.map(({ iteration }) => iteration)).toEqual(iterations.map((_, i) => i + 1));
    // What is reported last is what the head that comes back does.
    const last = iterations.at(-1);
    const found = probabilities(measured, values);
    const right = labels.filter((label, row) => {
      const own = found.slice(row * 3, row * 3 + 3);
      return own.indexOf(Math.max(...own)) === label;
    });
    expect(last?.accuracy).toBeCloseTo(right.length / labels.length, 5);
    const loss =
      labels.reduce((sum, label, row) => sum - Math.log(found[row * 3 + label] ?? 0), 0) / labels.length;
    expect(last?.loss).toBeCloseTo(loss, 4);
    expect(last?.validationLoss).toBeGreaterThan(last?.loss ?? 0);
    expect(last?.validationAccuracy).toBeLessThan(0.6);
  });

  test("gives the same head twice, bit for bit", async () => {
    const options = { ...sizes, l2: "cross-validated" } as const;
    const first = await fit(setOf(values, labels), options);
    expect(await fit(setOf(values, labels), options)).toEqual(first);
  });

  test("stops when asked, while it chooses and while it fits", async () => {
    for (const kind of ["strength", "iteration"] as const) {
      const controller = new AbortController();
      const seen: string[] = [];
      const onProgress = (step: FitProgress) => {
        seen.push(step.kind);
        if (step.kind === kind) controller.abort();
      };
      const options = { ...sizes, l2: "cross-validated", signal: controller.signal, onProgress } as const;
      await expect(fit(setOf(values, labels), options)).rejects.toMatchObject({ code: "INTERRUPTED" });
      expect(seen.filter((one) => one === kind)).toHaveLength(1);
    }
  });

  test("features that are all alike, and penalties of 0, do no harm", async () => {
    const flat = await fit(
      setOf(
        labels.flatMap(() => [3, 3]),
        labels,
      ),
      { features: 2, classes: 3, l2: "cross-validated" },
    );
    expect(worstDifference(probabilities(flat, [3, 3]), [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-4);
    const free = await fit(setOf(values, labels), { ...sizes, l2: 0, iterations: 50 });
    expect(floats(free.weight).every(Number.isFinite)).toBe(true);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("says so when a feature is %s", async (value) => {
    const broken = values.with(7, value);
    await expect(fit(setOf(broken, labels), sizes)).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: expect.stringContaining("infinite or not a number"),
    });
  });
});
