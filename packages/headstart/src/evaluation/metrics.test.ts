import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { evaluate } from "./metrics.js";

/** Probabilities by a rule that NumPy repeats exactly: whole numbers, divided by their row's sum. */
function made(photos: number, classes: number): Float32Array {
  const probabilities = new Float32Array(photos * classes);
  for (let i = 0; i < photos; i++) {
    const row = Array.from({ length: classes }, (_, j) => ((i * 37 + j * 53 + ((i * j * 11) % 29)) % 97) + 1);
    const total = row.reduce((a, b) => a + b);
    probabilities.set(
      row.map((value) => value / total),
      i * classes,
    );
  }
  return probabilities;
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof HeadstartError) return error.code;
  }
  return undefined;
}

describe("evaluate", () => {
  // scikit-learn 1.9.1 on the same probabilities and labels: accuracy_score, top_k_accuracy_score(k=5),
  // precision_recall_fscore_support(zero_division=nan), confusion_matrix; the loss is NumPy's -log(p[range(n), y]).mean() in float64.
  const labels = [5, 4, 4, 0, 4, 4, 1, 4, 5, 0, 5, 4, 0, 4, 1, 0, 5, 4, 0, 4, 4, 0, 2, 4];
  const confusion = [
    [1, 0, 1, 1, 0, 1, 2],
    [0, 2, 0, 0, 0, 0, 0],
    [0, 0, 1, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0],
    [3, 0, 1, 1, 2, 1, 3],
    [0, 0, 0, 0, 0, 4, 0],
    [0, 0, 0, 0, 0, 0, 0],
  ];
  const perClass: [precision: number, recall: number | null, f1: number, photos: number][] = [
    [0.25, 0.16666666666666666, 0.2, 6],
    [1, 1, 1, 2],
    [0.3333333333333333, 1, 0.5, 1],
    [0, null, 0, 0],
    [1, 0.18181818181818182, 0.3076923076923077, 11],
    [0.6666666666666666, 1, 0.8, 4],
    [0, null, 0, 0],
  ];
  const classes = ["a", "b", "c", "d", "e", "f", "g"];

  test("gives scikit-learn's figures", () => {
    const metrics = evaluate(made(24, 7), labels, classes);
    expect(metrics.photos).toBe(24);
    expect(metrics.accuracy).toBeCloseTo(0.4166666666666667, 12);
    expect(metrics.top5).toBeCloseTo(0.7916666666666666, 12);
    expect(metrics.loss).toBeCloseTo(1.982775242593992, 10);
    expect(metrics.confusion).toEqual(confusion);
    for (const [index, [precision, recall, f1, photos]] of perClass.entries()) {
      const figures = metrics.perClass[index];
      expect(figures?.className).toBe(classes[index]);
      expect(figures?.photos).toBe(photos);
      expect(figures?.precision).toBeCloseTo(precision, 12);
      expect(figures?.f1).toBeCloseTo(f1, 12);
      if (recall === null) expect(figures?.recall).toBeNull();
      else expect(figures?.recall).toBeCloseTo(recall, 12);
    }
  });

  test("takes typed labels too", () => {
    expect(evaluate(made(24, 7), Int32Array.from(labels), classes)).toEqual(
      evaluate(made(24, 7), labels, classes),
    );
  });

  test("a class that neither occurs nor is predicted has no figures", () => {
    const [, , third] = evaluate(Float32Array.of(0.9, 0.1, 0, 0.2, 0.8, 0), [0, 1], ["a", "b", "c"]).perClass;
    expect(third).toEqual({ className: "c", photos: 0, precision: null, recall: null, f1: null });
  });

  test("an empty split has no figures, which is not an accuracy of 0", () => {
    expect(evaluate(new Float32Array(0), [], ["a", "b"])).toEqual({
      photos: 0,
      accuracy: null,
      accuracyInterval: null,
      top5: null,
      loss: null,
      perClass: [
        { className: "a", photos: 0, precision: null, recall: null, f1: null },
        { className: "b", photos: 0, precision: null, recall: null, f1: null },
      ],
      confusion: [
        [0, 0],
        [0, 0],
      ],
    });
  });

  test("of equal probabilities the first class wins", () => {
    expect(evaluate(Float32Array.of(0.5, 0.5), [0], ["a", "b"]).accuracy).toBe(1);
    expect(evaluate(Float32Array.of(0.5, 0.5), [1], ["a", "b"]).accuracy).toBe(0);
    const six = ["a", "b", "c", "d", "e", "f"];
    expect(evaluate(new Float32Array(6).fill(1 / 6), [4], six).top5).toBe(1);
    expect(evaluate(new Float32Array(6).fill(1 / 6), [5], six).top5).toBe(0);
  });

  test("with five classes or fewer the true one is always among five", () => {
    expect(evaluate(Float32Array.of(1, 0, 0), [2], ["a", "b", "c"]).top5).toBe(1);
  });

  test("the loss of a sure and wrong answer is finite, of a rounded-up one not negative", () => {
    expect(evaluate(Float32Array.of(1, 0), [1], ["a", "b"]).loss).toBeCloseTo(-Math.log(1e-7), 10);
    expect(evaluate(Float32Array.of(1.0000001, 0), [0], ["a", "b"]).loss).toBeCloseTo(0, 12);
  });

  test("refuses what is not a number, wrong sizes and unknown labels", () => {
    expect(codeOf(() => evaluate(Float32Array.of(Number.NaN, 1), [0], ["a", "b"]))).toBe("INVALID_MODEL");
    expect(codeOf(() => evaluate(Float32Array.of(1, Infinity), [0], ["a", "b"]))).toBe("INVALID_MODEL");
    expect(codeOf(() => evaluate(Float32Array.of(1, 0, 0), [0], ["a", "b"]))).toBe("INVALID_DATA");
    expect(codeOf(() => evaluate(Float32Array.of(1, 0), [2], ["a", "b"]))).toBe("INVALID_DATA");
    expect(codeOf(() => evaluate(Float32Array.of(1, 0), [-1], ["a", "b"]))).toBe("INVALID_DATA");
    expect(codeOf(() => evaluate(Float32Array.of(1, 0), [0.5], ["a", "b"]))).toBe("INVALID_DATA");
  });

  test("every photo is counted once, whatever the probabilities", () => {
    const photo = fc.tuple(
      fc.nat(3),
      fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(photo, { minLength: 1, maxLength: 30 }), (drawn) => {
        const probabilities = Float32Array.from(drawn.flatMap(([, row]) => row));
        const metrics = evaluate(
          probabilities,
          drawn.map(([label]) => label),
          ["a", "b", "c", "d"],
        );
        expect(metrics.confusion.flat().reduce((a, b) => a + b)).toBe(drawn.length);
        expect(metrics.perClass.reduce((total, { photos }) => total + photos, 0)).toBe(drawn.length);
        const [low, high] = metrics.accuracyInterval ?? [2, -1];
        expect(metrics.accuracy).toBeGreaterThanOrEqual(low);
        expect(metrics.accuracy).toBeLessThanOrEqual(high);
        expect(metrics.loss).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
