import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFractions, type Fractions, splitNamed, splitOf } from "./split.js";

const digest = (content: string) => createHash("sha256").update(content).digest("hex");
const fraction = fc.double({ min: 0, max: 1, noNaN: true });

describe("splitOf", () => {
  test("is a function of content and seed, pinned for ever", () => {
    expect(Array.from({ length: 12 }, (_, i) => splitOf(digest(`${i}`), 0)).join(" ")).toMatchInlineSnapshot(
      `"validation test validation validation train train train test train train train train"`,
    );
  });

  test("counts are near the fractions", () => {
    const counts = { train: 0, validation: 0, test: 0 };
    for (let i = 0; i < 10_000; i++) counts[splitOf(digest(`${i}`), 3)]++;
    expect(counts.train / 10_000).toBeCloseTo(0.7, 1);
    expect(counts.validation / 10_000).toBeCloseTo(0.15, 1);
    expect(counts.test / 10_000).toBeCloseTo(0.15, 1);
  });

  test("a split with fraction 0 gets nothing, and the scale of the fractions does not matter", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), fraction, fraction, (content, seed, a, b) => {
        fc.pre(a > 0.001);
        expect(splitOf(digest(content), seed, [a, b, 0])).not.toBe("test");
        expect(splitOf(digest(content), seed, [a, 0, b])).not.toBe("validation");
        expect(splitOf(digest(content), seed, [a, 0, 0])).toBe("train");
        expect(splitOf(digest(content), seed, [128, 64, 64])).toBe(
          splitOf(digest(content), seed, [0.5, 0.25, 0.25]),
        );
      }),
    );
  });

  test("a larger share for training takes from the others and gives nothing back", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), (content, seed) => {
        if (splitOf(digest(content), seed, [0.5, 0.25, 0.25]) === "train")
          expect(splitOf(digest(content), seed, [0.7, 0.15, 0.15])).toBe("train");
      }),
    );
  });
});

test.each<Fractions>([
  [0, 1, 1],
  [-1, 1, 1],
  [Number.NaN, 1, 1],
  [1, Number.POSITIVE_INFINITY, 0],
])("fractions %d/%d/%d are refused", (...fractions) => {
  expect(() => checkFractions(fractions)).toThrow(/cannot be used/);
});

test.each([
  ["train", "train"],
  ["TRAINING", "train"],
  ["Val", "validation"],
  ["valid", "validation"],
  ["validation ", "validation"],
  ["test", "test"],
  ["Testing", "test"],
  ["tests", undefined],
  ["constructor", undefined],
])("%s names %s", (name, split) => {
  expect(splitNamed(name)).toBe(split);
});
