import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "./random.js";

const many = (count: number, draw: () => number) => Array.from({ length: count }, draw);

describe("createRandom", () => {
  test("gives the same numbers for the same seeds, on every machine", () => {
    const random = createRandom(7, "augmentation", 2);
    const again = createRandom(7, "augmentation", 2);
    const numbers = many(100, random.uniform);
    expect(numbers).toEqual(many(100, again.uniform));
    expect(numbers.slice(0, 3)).toMatchInlineSnapshot(`
      [
        0.9699257816095543,
        0.7932241755970989,
        0.39902229455591287,
      ]
    `);
  });

  test("gives other numbers for other seeds", () => {
    const firsts = [
      createRandom(7),
      createRandom("7"),
      createRandom(7, 0),
      createRandom(7, "a"),
      createRandom(8, "a"),
      createRandom("7,a"),
    ].map((random) => random.uniform());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  test("is uniform: mean, variance, range, no run of equal numbers", () => {
    const numbers = many(20_000, createRandom(1).uniform);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    const variance = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / numbers.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test("stays inside the bounds that are asked for", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), (seed, count) => {
        const random = createRandom(seed);
        for (let i = 0; i < 20; i++) {
          const whole = random.integer(count);
          expect(Number.isInteger(whole) && whole >= 0 && whole < count).toBe(true);
          const between = random.between(-count, 2);
          expect(between >= -count && between < 2).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("shuffles: every element once, every order about as often", () => {
    const random = createRandom(3, "order");
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = random.shuffle(["a", "b", "c"]).join("");
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test("fills an array in order", () => {
    const filled = createRandom(5).fill(new Float32Array(4), (random) => random.between(2, 3));
    const random = createRandom(5);
    expect([...filled]).toEqual(many(4, () => Math.fround(random.between(2, 3))));
  });
});
