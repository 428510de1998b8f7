import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { cropMatrix, drawCrop } from "./crop.js";

const share = fc.double({ min: 0.001, max: 1, noNaN: true });
const proportion = fc.double({ min: 0.1, max: 10, noNaN: true });
const ordered = ([one, other]: readonly [number, number]) =>
  [Math.min(one, other), Math.max(one, other)] as const;

describe("cropMatrix", () => {
  test("shows the whole photo as it is", () => {
    expect(cropMatrix({ left: 0, top: 0, width: 224, height: 224 }, 224)).toEqual([1, 0, 0, 0, 1, 0]);
  });

  test("the first pixel shows what is half a pixel of the view inside the crop", () => {
    // A quarter of an 8 x 8 photo, twice as large: view pixel 0 lies a quarter of a photo pixel inside the edge 2, pixel 7 before the edge 6.
    const [x = 0, , left = 0, , y = 0, top = 0] = cropMatrix({ left: 2, top: 4, width: 4, height: 4 }, 8);
    expect([x, left, 7 * x + left]).toEqual([0.5, 1.75, 5.25]);
    expect([y, top]).toEqual([0.5, 3.75]);
  });
});

describe("drawCrop", () => {
  test("lies inside the photo, with an area and a ratio that are allowed, wherever such a crop fits", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.tuple(share, share).map(ordered),
        fc.tuple(proportion, proportion).map(ordered),
        fc.integer({ min: 8, max: 500 }),
        (seed, area, ratio, size) => {
          const { left, top, width, height } = drawCrop(createRandom(seed), { area, ratio }, size);
          for (const [start, length] of [
            [left, width],
            [top, height],
          ] as const) {
            expect(start).toBeGreaterThanOrEqual(0);
            expect(length).toBeGreaterThan(0);
            expect(start + length).toBeLessThanOrEqual(size * (1 + 1e-9));
          }
          expect(width / height).toBeGreaterThan(ratio[0] * (1 - 1e-9));
          expect(width / height).toBeLessThan(ratio[1] * (1 + 1e-9));
          const covered = (width * height) / size ** 2;
          expect(covered).toBeLessThan(area[1] * (1 + 1e-9));
          const fits = ratio[0] <= 1 / area[1] && ratio[1] >= area[1];
          if (fits) expect(covered).toBeGreaterThan(area[0] * (1 - 1e-9));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("without a crop that fits, as large as fits in the ratio nearest to 1", () => {
    const all = { area: [1, 1] } as const;
    expect(drawCrop(createRandom(1), { ...all, ratio: [2, 3] }, 100)).toMatchObject({
      width: 100,
      height: 50,
    });
    expect(drawCrop(createRandom(1), { ...all, ratio: [0.25, 0.5] }, 100)).toMatchObject({
      width: 50,
      height: 100,
    });
  });

  test("areas are evenly spread, ratios as often below 1 as above, places anywhere; four numbers each", () => {
    const [random, counted] = [createRandom(5), createRandom(5)];
    const crops = Array.from({ length: 4000 }, () =>
      drawCrop(random, { area: [0.2, 0.7], ratio: [0.75, 4 / 3] }, 1),
    );
    for (let i = 0; i < 4 * crops.length; i++) counted.uniform();
    expect(random.uniform()).toBe(counted.uniform());
    const mean = (of: (crop: (typeof crops)[number]) => number) =>
      crops.reduce((sum, crop) => sum + of(crop), 0) / crops.length;
    // Standard errors: 0.5 / sqrt(12) / sqrt(4000) = 0.0023; 0.17 / 63 = 0.0027; 0.29 / 63 = 0.0046.
    expect(Math.abs(mean(({ width, height }) => width * height) - 0.45)).toBeLessThan(0.01);
    expect(Math.abs(mean(({ width, height }) => Math.log(width / height)))).toBeLessThan(0.012);
    expect(Math.abs(mean(({ left, width }) => left / (1 - width)) - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(mean(({ top, height }) => top / (1 - height)) - 0.5)).toBeLessThan(0.02);
  });
});
