import { describe, expect, test } from "vitest";
import { classFindings, sameClass } from "./class-findings.js";
import type { CheckedPhoto, Side } from "./finding.js";

function photos(counts: Readonly<Record<string, number>>, side: Side = "train"): CheckedPhoto[] {
  return Object.entries(counts).flatMap(([className, number]) =>
    Array.from({ length: number }, (_, i) => ({
      name: `${side}/${className}/${i}`,
      path: "",
      className,
      side,
      digest: `${side} ${className} ${i}`,
      bytes: 1,
    })),
  );
}

function kinds(all: readonly CheckedPhoto[], classes = [...new Set(all.map(({ className }) => className))]) {
  return classFindings(all, classes).map(({ kind, severity }) => `${kind} ${severity}`);
}

describe("classes", () => {
  test("nothing is said of even classes with enough photos", () => {
    expect(kinds([...photos({ cat: 30, dog: 40 }), ...photos({ cat: 3, dog: 3 }, "test")])).toEqual([]);
  });

  test("one that is missing where a model is measured is a warning, where it is trained an error", () => {
    const trained = photos({ cat: 30, dog: 30 });
    expect(kinds([...trained, ...photos({ cat: 3 }, "test")])).toEqual(["class-missing warning"]);
    expect(kinds([...trained, ...photos({ cat: 3, dog: 3, fox: 3 }, "test")])).toEqual([
      "class-missing error",
    ]);
  });

  test("one without any photo", () => {
    expect(kinds(photos({ cat: 30, dog: 30 }), ["cat", "dog", "fox"])).toEqual(["class-missing error"]);
  });

  test("few photos, and too few", () => {
    expect(kinds(photos({ cat: 30, dog: 15 }))).toEqual(["few-photos warning"]);
    expect(kinds(photos({ cat: 2, dog: 1 }))).toEqual(["few-photos error"]);
  });

  test("uneven classes", () => {
    expect(kinds(photos({ cat: 90, dog: 30 }))).toEqual(["imbalance note"]);
    expect(kinds(photos({ cat: 300, dog: 30 }))).toEqual(["imbalance warning"]);
  });

  test("nearly the same name", () => {
    expect(kinds(photos({ "Golden retriever": 30, golden_retriever: 30 }))).toEqual(["class-names error"]);
  });
});

describe("names of one class", () => {
  test.each([
    ["Golden retriever", "golden_retriever", 0.99],
    ["cat", "Cats", 0.9],
    ["fox", "foxes", 0.9],
    ["berry", "berries", 0.9],
    ["labrador", "labardor", 0.6],
    ["Affenpinscher", "Afenpinscher", 0.6],
  ])("%s and %s", (a, b, confidence) => {
    expect(sameClass(a, b)).toBe(confidence);
    expect(sameClass(b, a)).toBe(confidence);
  });

  test.each([
    ["n1", "n2"],
    ["class 10", "class 11"],
    ["001.cat", "002.cat"],
    ["cat", "rat"],
    ["bee", "beetle"],
    ["glass", "grass"],
    ["ants", "bees"],
  ])("but not %s and %s", (a, b) => {
    expect(sameClass(a, b)).toBe(0);
  });
});
