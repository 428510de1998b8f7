import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { drawBeta } from "./beta.js";

const COUNT = 20_000;

describe("drawBeta", () => {
  test.each([0.1, 0.2, 0.4, 1, 2.5, 30])("Beta(%d, %d) has its mean, variance and fourth moment", (alpha) => {
    const random = createRandom(1, "beta", alpha);
    const moments = [0, 0, 0];
    for (let i = 0; i < COUNT; i++) {
      const from = drawBeta(random, alpha) - 0.5;
      expect(Math.abs(from)).toBeLessThanOrEqual(0.5);
      for (const [i, power] of [1, 2, 4].entries()) moments[i] = (moments[i] ?? 0) + from ** power / COUNT;
    }
    const [mean = 1, variance = 1, fourth = 1] = moments;
    const wanted = 1 / (8 * alpha + 4);
    // The kurtosis of Beta(a, a) is 3 - 6 / (2 a + 3).
    const kurtosis = 3 - 6 / (2 * alpha + 3);
    // Five standard errors, of the mean and of the variance.
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(wanted / COUNT));
    expect(Math.abs(variance - wanted)).toBeLessThan(5 * wanted * Math.sqrt((kurtosis - 1) / COUNT));
    expect(Math.abs(fourth / (wanted ** 2 * kurtosis) - 1)).toBeLessThan(0.1);
  });

  test("Beta(1, 1) is uniform", () => {
    const random = createRandom(2, "beta");
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < COUNT; i++) {
      const tenth = Math.min(9, Math.floor(drawBeta(random, 1) * 10));
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths)
      expect(Math.abs(count - COUNT / 10)).toBeLessThan(5 * Math.sqrt(COUNT * 0.09));
  });

  test("is a number from 0 to 1 for any alpha", () => {
    const random = createRandom(3);
    for (const alpha of [5e-324, 1e-200, 1e-9, 1e-3, 100, 1e9])
      for (let i = 0; i < 200; i++) {
        const drawn = drawBeta(random, alpha);
        expect(drawn >= 0 && drawn <= 1).toBe(true);
        if (alpha <= 1e-9) expect(Math.min(drawn, 1 - drawn)).toBe(0);
        if (alpha === 1e9) expect(Math.abs(drawn - 0.5)).toBeLessThan(1e-3);
      }
  });

  test("the same seed draws the same numbers", () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return Array.from({ length: 10 }, () => drawBeta(random, 0.2));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});
