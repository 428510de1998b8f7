import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, GraphBuilder, int64, integers } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { drawMix, type Mix, mixStage } from "./mixing.js";

/** Photos [N, 3, size, size] of one value each, mixed. */
async function mixed(
  values: readonly number[],
  mix: Omit<Mix, "share">,
  size: number,
): Promise<Float32Array[]> {
  const b = new GraphBuilder("mixing");
  const photo = b.input("photo", "float32", ["N", 3, size, size]);
  b.output("mixed", "float32", ["N", 3, size, size], mixStage(size)(b, photo));
  const area = 3 * size * size;
  const pixels = Float32Array.from(
    { length: values.length * area },
    (_, i) => values[Math.floor(i / area)] ?? 0,
  );
  const { partner, mix_box, mix_weight } = mix;
  const found = await runGraph(b.build(), {
    photo: float32([values.length, 3, size, size], pixels),
    partner,
    mix_box,
    mix_weight,
  });
  const all = floats(found.mixed ?? float32([0], []));
  return values.map((_, i) => all.slice(i * area, (i + 1) * area));
}

const meanOf = (pixels: Float32Array) => pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length;
const same = (values: Float32Array) => {
  expect(new Set(values).size).toBe(1);
  return values[0] ?? Number.NaN;
};

describe("mixStage", () => {
  test("mixes inside the box, half open, by the weight; outside nothing changes", async () => {
    const mix = {
      partner: int64([3], [1, 2, 0]),
      mix_box: float32([3, 4], [1, 0, 3, 2, 0, 0, 4, 4, 2, 2, 2, 4]),
      mix_weight: float32([3], [0, 0.75, 0]),
    };
    const [cut, blended, empty] = await mixed([10, 20, 40], mix, 4);
    const plane = [10, 20, 20, 10, 10, 20, 20, 10, 10, 10, 10, 10, 10, 10, 10, 10];
    expect([...(cut ?? [])]).toEqual([...plane, ...plane, ...plane]);
    expect(new Set(blended)).toEqual(new Set([0.75 * 20 + 0.25 * 40]));
    expect(new Set(empty)).toEqual(new Set([40]));
  });

  test("a weight of 1 is the photo itself", async () => {
    const mix = {
      partner: int64([2], [1, 0]),
      mix_box: float32([2, 4], [0, 0, 5, 5, 0, 0, 5, 5]),
      mix_weight: float32([2], [1, 1]),
    };
    expect((await mixed([0.1, 254.9], mix, 5)).map(same)).toEqual([0.1, 254.9].map(Math.fround));
  });
});

describe("drawMix", () => {
  const choice = fc.constantFrom(0, 0.2, 1, 3);

  test("the share is what is left of the photo, the mix is convex, and partners are an order of the batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.tuple(choice, choice).filter(([mixup, cutmix]) => mixup + cutmix > 0),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        async (seed, [mixup, cutmix], rows, size) => {
          const mix = drawMix(createRandom(seed), { mixup, cutmix }, rows, size);
          const partners = integers(mix.partner);
          expect([...partners].sort()).toEqual(Array.from({ length: rows }, (_, row) => row));
          const values = Array.from({ length: rows }, (_, row) => 17 + 37 * row);
          const found = await mixed(values, mix, size);
          for (const [row, pixels] of found.entries()) {
            const [own, other] = [values[row] ?? 0, values[partners[row] ?? 0] ?? 0];
            for (const pixel of pixels) {
              expect(pixel).toBeGreaterThanOrEqual(Math.min(own, other) - 1e-4);
              expect(pixel).toBeLessThanOrEqual(Math.max(own, other) + 1e-4);
            }
            const share = floats(mix.share)[row] ?? Number.NaN;
            expect(share >= 0 && share <= 1).toBe(true);
            expect(Math.abs(meanOf(pixels) - share * own - (1 - share) * other)).toBeLessThan(1e-2);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  const drawn = (mixing: { mixup: number; cutmix: number }, count = 2000) => {
    const random = createRandom(9, "mixing");
    return Array.from({ length: count }, () => {
      const mix = drawMix(random, mixing, 4, 100);
      const [left = 0, top = 0, right = 0, bottom = 0] = floats(mix.mix_box);
      return {
        share: same(floats(mix.share)),
        weight: same(floats(mix.mix_weight)),
        left,
        top,
        right,
        bottom,
      };
    });
  };
  const average = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;

  test("mixup: the whole photo, one weight a batch, from Beta", () => {
    const mixes = drawn({ mixup: 0.4, cutmix: 0 });
    for (const { left, top, right, bottom, share, weight } of mixes) {
      expect([left, top, right, bottom]).toEqual([0, 0, 100, 100]);
      expect(share).toBeCloseTo(weight, 6);
    }
    expect(average(mixes.map(({ weight }) => weight))).toBeCloseTo(0.5, 1);
    expect(average(mixes.map(({ weight }) => (weight - 0.5) ** 2))).toBeCloseTo(1 / (8 * 0.4 + 4), 2);
  });

  test("cutmix: boxes in whole pixels inside the photo, with weight 0, everywhere alike", () => {
    const mixes = drawn({ mixup: 0, cutmix: 1 });
    for (const { left, top, right, bottom, share, weight } of mixes) {
      const box = [left, top, right, bottom];
      expect(box.every((place) => Number.isInteger(place) && place >= 0 && place <= 100)).toBe(true);
      expect(right >= left && bottom >= top).toBe(true);
      expect(weight).toBe(0);
      expect(share).toBeCloseTo(1 - ((right - left) * (bottom - top)) / 10_000, 6);
    }
    expect(Math.abs(average(mixes.map(({ left, right }) => (left + right) / 2)) - 49.75)).toBeLessThan(2);
    expect(Math.abs(average(mixes.map(({ top, bottom }) => (top + bottom) / 2)) - 49.75)).toBeLessThan(2);
    // Cut off at the edges: a box of side s keeps 1 - s / 4 of its side on average, so its area is the mean of u (1 - sqrt(u) / 4)^2.
    const expected = 1 / 2 - 1 / 5 + 1 / 48;
    expect(Math.abs(1 - average(mixes.map(({ share }) => share)) - expected)).toBeLessThan(0.02);
  });

  test("both: each batch takes one of them, either as often", () => {
    const cuts = drawn({ mixup: 0.2, cutmix: 1 }).filter(({ weight }) => weight === 0);
    expect(Math.abs(cuts.length - 1000)).toBeLessThan(150);
  });

  test("the same seed mixes alike; a batch of one photo is mixed with itself", () => {
    const mixing = { mixup: 0.2, cutmix: 1 };
    expect(drawMix(createRandom(1), mixing, 8, 32)).toEqual(drawMix(createRandom(1), mixing, 8, 32));
    expect(drawMix(createRandom(1), mixing, 8, 32)).not.toEqual(drawMix(createRandom(2), mixing, 8, 32));
    expect([...integers(drawMix(createRandom(1), mixing, 1, 32).partner)]).toEqual([0]);
  });
});
