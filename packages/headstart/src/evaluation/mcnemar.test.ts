import { describe, expect, test } from "vitest";
import { mcnemar } from "./mcnemar.js";

/** Answers of two classifiers of which the first alone is right `b` times, the second alone `c` times. */
function answers(b: number, c: number, photos: number): [boolean[], boolean[]] {
  const of = (right: (index: number) => boolean) =>
    Array.from({ length: photos }, (_, index) => right(index));
  return [of((index) => index < b || index >= b + c), of((index) => index >= b)];
}

describe("mcnemar", () => {
  // From SciPy 1.x: exact = min(1, 2 binom.cdf(min(b, c), b + c, 0.5)), mid-p = 2 cdf - pmf, and the interval by its formula in NumPy.
  test.each([
    [1, 0, 5, 1, 0.4999999999999999, -0.5244258118812477, 0.238711526166962],
    [5, 1, 40, 0.21875, 0.12499999999999997, -0.21529760160253178, 0.024821411126341314],
    [12, 12, 100, 1, 0.9194098711013794, -0.09607666590882617, 0.09607666590882617],
    [9, 21, 153, 0.042773945257067694, 0.029449373483657837, 0.008078355685677913, 0.14676035399174145],
    [25, 10, 69, 0.016673847800120715, 0.011330984183587134, -0.36944036996366414, -0.05309484130394146],
    [
      400, 520, 20000, 8.549170923883781e-5, 7.513739122081995e-5, 0.0030268123562802157,
      0.008971987763707785,
    ],
    [0, 30, 60, 1.862645149230957e-9, 9.313225746154769e-10, 0.35552388416502173, 0.6122180513188493],
    [3, 2, 9, 1, 0.6875000000000002, -0.5240365738603486, 0.34221839204216675],
  ])("%i against %i of %i photos, as SciPy says", (b, c, photos, exact, midP, low, high) => {
    const found = mcnemar(...answers(b, c, photos));
    expect([found.photos, found.onlyFirst, found.onlySecond]).toEqual([photos, b, c]);
    expect(Math.abs(found.exact / exact - 1)).toBeLessThan(1e-9);
    expect(Math.abs(found.midP / midP - 1)).toBeLessThan(1e-9);
    expect(found.difference).toBeCloseTo((c - b) / photos, 12);
    expect(found.interval[0]).toBeCloseTo(low, 9);
    expect(found.interval[1]).toBeCloseTo(high, 9);
  });

  test("the same answers do not differ", () => {
    const found = mcnemar([true, false], [true, false]);
    expect(found).toMatchObject({ onlyFirst: 0, onlySecond: 0, difference: 0, exact: 1, midP: 1 });
  });

  test("turned round, the p-values stay and the difference turns", () => {
    const [first, second] = answers(9, 21, 153);
    const [one, other] = [mcnemar(first, second), mcnemar(second, first)];
    expect(other.exact).toBe(one.exact);
    expect(other.difference).toBe(-one.difference);
    expect(other.interval[0]).toBeCloseTo(-one.interval[1], 12);
  });

  test("refuses answers that do not belong together, and none", () => {
    expect(() => mcnemar([true], [])).toThrow("cannot be compared");
    expect(() => mcnemar([], [])).toThrow("cannot be compared");
  });
});
