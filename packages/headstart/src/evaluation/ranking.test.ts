import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { topClasses } from "./ranking.js";

describe("topClasses", () => {
  test("gives the best first", () => {
    expect(topClasses(Float32Array.of(0.1, 0.6, 0.05, 0.25), 3)).toEqual([1, 3, 0]);
  });

  test("prefers the first of equal ones", () => {
    expect(topClasses([0.25, 0.25, 0.25, 0.25], 4)).toEqual([0, 1, 2, 3]);
    expect(topClasses([0.1, 0.45, 0.45], 2)).toEqual([1, 2]);
  });

  test("gives all when there are fewer than asked, none when none are asked", () => {
    expect(topClasses([0.4, 0.6], 5)).toEqual([1, 0]);
    expect(topClasses([0.4, 0.6], 0)).toEqual([]);
    expect(topClasses([], 5)).toEqual([]);
  });

  test("is a prefix of the whole ranking, and the ranking falls", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0.1, 0.2, 0.3), { maxLength: 20 }), fc.nat(20), (row, k) => {
        const all = topClasses(row, row.length);
        expect(topClasses(row, k)).toEqual(all.slice(0, k));
        const sorted = all.map((index) => row[index] ?? 0);
        expect(sorted).toEqual([...row].sort((a, b) => b - a));
      }),
    );
  });
});
