import { expect, test } from "vitest";
import { HEAT_COLOURS, heatColours } from "./heat-colours.js";

const colours = heatColours();
const colour = (index: number) => [...colours.subarray(3 * index, 3 * index + 3)];

/** Oklab of a colour of sRGB: the way back of what makes the colours (B. Ottosson, 2020). */
function oklab(index: number): [number, number, number] {
  const [r = 0, g = 0, b = 0] = colour(index).map((byte) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

test("from violet to yellow, every colour inside sRGB", () => {
  // The three are computed from the formula in Python.
  expect(colours).toHaveLength(HEAT_COLOURS * 3);
  expect([colour(0), colour(128), colour(255)]).toEqual([
    [47, 33, 91],
    [219, 75, 97],
    [247, 234, 155],
  ]);
});

test("lightness rises evenly, and steps are even", () => {
  const lightness = Array.from({ length: HEAT_COLOURS }, (_, i) => oklab(i)[0]);
  for (const [i, light] of lightness.entries()) expect(light).toBeCloseTo(0.3 + (0.63 * i) / 255, 2);
  // Over sixteen colours, so that rounding to bytes does not count.
  const steps = Array.from({ length: 15 }, (_, i) => {
    const [from, to] = [oklab(16 * i), oklab(16 * i + 16)];
    return Math.hypot(...to.map((value, axis) => value - (from[axis] ?? 0)));
  });
  expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.15);
});
