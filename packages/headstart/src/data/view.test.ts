import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { AUGMENTATIONS, type Augmentation, drawAugmentation } from "./augmentation.js";
import { colourMatrix } from "./colour.js";
import { changesColours, drawView, movesPixels } from "./view.js";

const still: Augmentation = { rotation: 0, shear: 0, zoom: [1, 1], horizontalFlip: false };
const plain = (matrix: ArrayLike<number>) => Array.from(matrix, (value) => Math.round(value * 1e6) / 1e6 + 0);

describe("drawView", () => {
  test("without crop and colours it is rotation, shear, zoom and mirror, from the same numbers", () => {
    const [random, reference] = [createRandom(4), createRandom(4)];
    for (let i = 0; i < 20; i++) {
      const { affine, colour } = drawView(random, AUGMENTATIONS.keras, 224);
      expect(affine).toEqual(drawAugmentation(reference, AUGMENTATIONS.keras, 224));
      expect(colour).toEqual(colourMatrix({}));
    }
    expect(random.uniform()).toBe(reference.uniform());
  });

  test("takes thirteen numbers with any of the other choices, whichever and however large", () => {
    const others: Augmentation[] = [
      AUGMENTATIONS.light,
      AUGMENTATIONS.standard,
      AUGMENTATIONS.strong,
      { ...still, hue: 0 },
      { ...AUGMENTATIONS.keras, crop: { area: [1, 1], ratio: [1, 1] } },
    ];
    const after = others.map((augmentation) => {
      const random = createRandom(6);
      drawView(random, augmentation, 96);
      return random.uniform();
    });
    const counted = createRandom(6);
    for (let i = 0; i < 13; i++) counted.uniform();
    expect(new Set(after)).toEqual(new Set([counted.uniform()]));
  });

  test("choices that allow no change change nothing", () => {
    const zero = { brightness: 0, contrast: 0, saturation: 0, hue: 0 };
    const { affine, colour } = drawView(
      createRandom(1),
      { ...still, ...zero, crop: { area: [1, 1], ratio: [1, 1] } },
      224,
    );
    expect(plain(affine)).toEqual([1, 0, 0, 0, 1, 0]);
    expect(plain(colour)).toEqual([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]);
  });

  test("a crop stays inside the photo, mirrored or not, and rotates about its own centre", () => {
    const size = 64;
    const crop = { area: [0.1, 0.6], ratio: [0.5, 2] } as const;
    for (let seed = 0; seed < 200; seed++) {
      const { affine } = drawView(createRandom(seed), { ...still, crop, horizontalFlip: true }, size);
      const [a = 0, b, c = 0, d, e = 0, f = 0] = affine;
      expect([Math.abs(b ?? 1), Math.abs(d ?? 1)]).toEqual([0, 0]);
      for (const corner of [-0.5, size - 0.5])
        for (const place of [a * corner + c, e * corner + f]) {
          expect(place).toBeGreaterThan(-0.5 - 1e-3);
          expect(place).toBeLessThan(size - 0.5 + 1e-3);
        }
      const turned = drawView(
        createRandom(seed),
        { ...still, crop, horizontalFlip: true, rotation: 90 },
        size,
      ).affine;
      const centre = (size - 1) / 2;
      const [g = 0, h = 0, i = 0, j = 0, k = 0, l = 0] = turned;
      expect(g * centre + h * centre + i).toBeCloseTo(a * centre + c, 3);
      expect(j * centre + k * centre + l).toBeCloseTo(e * centre + f, 3);
    }
  });

  test("colour factors stay within what is allowed and fill it; below 0 they end at 0", () => {
    const random = createRandom(8);
    const gains = Array.from(
      { length: 500 },
      () => drawView(random, { ...still, brightness: 0.3 }, 8).colour[0] ?? 0,
    );
    expect(Math.min(...gains)).toBeGreaterThanOrEqual(0.7 - 1e-6);
    expect(Math.min(...gains)).toBeLessThan(0.71);
    expect(Math.max(...gains)).toBeLessThanOrEqual(1.3 + 1e-6);
    expect(Math.max(...gains)).toBeGreaterThan(1.29);
    for (let i = 0; i < 100; i++)
      expect(drawView(random, { ...still, brightness: 4 }, 8).colour[0]).toBeGreaterThanOrEqual(0);
  });

  test("the same seed draws the same view, another seed another", () => {
    const draw = (seed: number) => drawView(createRandom(seed), AUGMENTATIONS.strong, 128);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});

test("what an augmentation needs of the graph", () => {
  expect([movesPixels(still), changesColours(still)]).toEqual([false, false]);
  expect([movesPixels(AUGMENTATIONS.keras), changesColours(AUGMENTATIONS.keras)]).toEqual([true, false]);
  expect([movesPixels(AUGMENTATIONS.standard), changesColours(AUGMENTATIONS.standard)]).toEqual([true, true]);
  for (const key of ["brightness", "contrast", "saturation", "hue"] as const) {
    expect(changesColours({ ...still, [key]: 0.1 })).toBe(true);
    expect(changesColours({ ...still, [key]: 0 })).toBe(false);
  }
  expect(movesPixels({ ...still, zoom: [0.9, 1] })).toBe(true);
});
