import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shared } from "../../test/support/shared.js";
import { readSafetensors } from "../onnx/safetensors.js";
import { floats } from "../onnx/tensor.js";
import { createRandom } from "../random.js";
import {
  type AffineParameters,
  AUGMENTATIONS,
  type Augmentation,
  affineMatrix,
  augmentationSchema,
  drawAugmentation,
  namedAugmentation,
} from "./augmentation.js";

/** No change at all. */
const NO_AUGMENTATION: Augmentation = { rotation: 0, shear: 0, zoom: [1, 1], horizontalFlip: false };

/** Bilinear sampling with the nearest edge pixel beyond the edge: what the graph does, written plainly. */
function sample(
  picture: ArrayLike<number>,
  matrix: ArrayLike<number>,
  size: number,
  channels: number,
): number[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from(matrix);
  const inside = (value: number) => Math.min(Math.max(value, 0), size - 1);
  const result: number[] = [];
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const [x, y] = [inside(a * column + b * row + c), inside(d * column + e * row + f)];
      const [left, top] = [Math.floor(x), Math.floor(y)];
      for (let channel = 0; channel < channels; channel++) {
        const at = (i: number, j: number) =>
          picture[(inside(j) * size + inside(i)) * channels + channel] ?? Number.NaN;
        const above = at(left, top) * (1 - x + left) + at(left + 1, top) * (x - left);
        const below = at(left, top + 1) * (1 - x + left) + at(left + 1, top + 1) * (x - left);
        result.push(above * (1 - y + top) + below * (y - top));
      }
    }
  return result;
}

/** A matrix as numbers, with 0 for -0. */
const plain = (matrix: Float32Array) => Array.from(matrix, (value) => value + 0);

function most(found: readonly number[], wanted: ArrayLike<number>): number {
  return found.reduce(
    (largest, value, i) => Math.max(largest, Math.abs(value - (wanted[i] ?? Number.NaN))),
    0,
  );
}

// Made with Keras 3.15, ImageDataGenerator(fill_mode="nearest", interpolation_order=1).apply_transform on a 6x6 picture.
const PICTURE = Array.from({ length: 36 }, (_, i) => {
  const [row, column] = [Math.floor(i / 6), i % 6];
  return (row * 37 + column * 59 + row * column * 11) % 256;
});
const KERAS: readonly (readonly [AffineParameters, readonly number[]])[] = [
  [
    { theta: 8, shear: -12, zx: 0.95, zy: 1.08, flipHorizontal: true },
    [
      105.579, 219.12, 164.14, 108.636, 53.131, 0.0, 131.838, 100.778, 233.598, 160.583, 90.304, 22.761,
      173.372, 144.459, 74.203, 229.175, 147.637, 68.836, 100.193, 179.787, 138.869, 50.1, 179.534, 116.697,
      188.298, 76.034, 158.416, 113.892, 215.982, 166.343, 243.0, 140.34, 33.094, 126.049, 75.258, 143.453,
    ],
  ],
  [
    { theta: -30, tx: 1.0, ty: -0.5 },
    [
      24.121, 40.021, 84.548, 135.643, 186.739, 229.875, 71.376, 112.564, 144.225, 166.36, 216.239, 131.375,
      147.946, 194.633, 189.23, 191.758, 153.209, 39.0, 182.595, 89.941, 85.751, 118.886, 129.633, 108.0,
      141.334, 131.35, 166.65, 170.987, 203.972, 187.674, 128.288, 109.711, 61.096, 110.441, 61.944, 143.944,
    ],
  ],
  [
    { shear: 20, zx: 1.3, zy: 0.8 },
    [
      22.963, 104.196, 189.77, 142.835, 96.097, 96.097, 50.778, 121.941, 193.441, 129.219, 154.916, 165.258,
      78.593, 135.162, 210.88, 93.312, 181.741, 202.644, 106.407, 143.857, 101.767, 123.507, 171.107, 79.356,
      134.222, 148.027, 164.071, 149.177, 113.306, 116.742, 162.037, 162.037, 163.507, 125.067, 90.831,
      185.903,
    ],
  ],
];

describe("affineMatrix", () => {
  test.each(KERAS)("%o shows what Keras shows", (parameters, wanted) => {
    expect(most(sample(PICTURE, affineMatrix(parameters, 6), 6, 1), wanted)).toBeLessThan(2e-3);
  });

  test("nothing to do is the identity; a mirror turns columns around", () => {
    expect(plain(affineMatrix({}, 9))).toEqual([1, 0, 0, 0, 1, 0]);
    const mirrored = affineMatrix({ flipHorizontal: true }, 3);
    expect(sample([1, 2, 3, 4, 5, 6, 7, 8, 9], mirrored, 3, 1)).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7]);
  });

  test("the centre stays where it is, but for shifts", () => {
    const angle = fc.double({ min: -90, max: 90, noNaN: true });
    const zoom = fc.double({ min: 0.5, max: 2, noNaN: true });
    fc.assert(
      fc.property(
        angle,
        angle,
        zoom,
        zoom,
        fc.boolean(),
        fc.integer({ min: 1, max: 300 }),
        (theta, shear, zx, zy, flipHorizontal, size) => {
          const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = affineMatrix(
            { theta, shear, zx, zy, flipHorizontal },
            size,
          );
          const centre = (size - 1) / 2;
          expect(Math.abs((a + b) * centre + c - centre)).toBeLessThan(1e-3);
          expect(Math.abs((d + e) * centre + f - centre)).toBeLessThan(1e-3);
        },
      ),
    );
  });

  const golden = shared("golden/keras/affine.json");
  test.skipIf(!golden)("the shared pictures that Keras made (needs ../shared)", async () => {
    const cases: Record<string, number | boolean>[] = JSON.parse(await readFile(golden ?? "", "utf8"));
    const { tensors } = readSafetensors(
      new Uint8Array(await readFile((golden ?? "").replace(/json$/, "safetensors"))),
    );
    const picture = (name: string) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`no ${name}`);
      return floats(tensor);
    };
    for (const [i, { flip_horizontal, ...parameters }] of cases.entries()) {
      const matrix = affineMatrix({ ...parameters, flipHorizontal: flip_horizontal === true }, 64);
      const found = sample(picture("input"), matrix, 64, 3);
      // Keras returns what it interpolated as a view of channel-first memory, and the file holds that memory as it lay, although it
      // says [64, 64, 3]. Where there was nothing to interpolate (no change, or a mirror alone) it is channel-last.
      const interpolated = Object.values(parameters).some((value) => value !== 0 && value !== 1);
      const wanted = picture(`case_${i}`);
      const ordered = interpolated
        ? found.map((_, at) => wanted[(at % 3) * 4096 + Math.floor(at / 3)] ?? Number.NaN)
        : wanted;
      expect(most(found, ordered), JSON.stringify(cases[i])).toBeLessThan(1e-3);
    }
  });
});

describe("drawAugmentation", () => {
  const classic = { rotation: 10, shear: 0.1, zoom: [0.9, 1.1], horizontalFlip: true } as const;

  test("draws as many numbers whatever is allowed, in a fixed order", () => {
    const [one, other] = [createRandom(1), createRandom(1)];
    drawAugmentation(one, classic, 64);
    drawAugmentation(other, NO_AUGMENTATION, 64);
    expect(one.uniform()).toBe(other.uniform());
    const random = createRandom(1);
    const [theta, shear, zx, zy] = [
      random.between(-10, 10),
      random.between(-0.1, 0.1),
      random.between(0.9, 1.1),
      random.between(0.9, 1.1),
    ];
    const flipHorizontal = random.uniform() < 0.5;
    expect(drawAugmentation(createRandom(1), classic, 64)).toEqual(
      affineMatrix({ theta, shear, zx, zy, flipHorizontal }, 64),
    );
  });

  test("no augmentation is the identity", () => {
    const random = createRandom(2);
    for (let i = 0; i < 20; i++)
      expect(plain(drawAugmentation(random, NO_AUGMENTATION, 224))).toEqual([1, 0, 0, 0, 1, 0]);
  });

  test("views stay within what is allowed, and half of them are mirrored", () => {
    const random = createRandom(3);
    let mirrored = 0;
    for (let i = 0; i < 2000; i++) {
      const [a = 0, , , d = 0] = drawAugmentation(random, classic, 100);
      const zoom = Math.hypot(a, d);
      expect(zoom).toBeGreaterThan(0.9 - 1e-6);
      expect(zoom).toBeLessThan(1.1 + 1e-6);
      expect(Math.abs(d / zoom)).toBeLessThanOrEqual(Math.sin((10 * Math.PI) / 180) + 1e-6);
      if (a < 0) mirrored++;
    }
    expect(Math.abs(mirrored - 1000)).toBeLessThan(100);
  });
});

describe("AUGMENTATIONS", () => {
  test("each is what the schema takes, by its name", () => {
    for (const [name, augmentation] of Object.entries(AUGMENTATIONS)) {
      expect(namedAugmentation(name)).toBe(augmentation);
      if (augmentation !== null) expect(augmentationSchema.parse(augmentation)).toEqual(augmentation);
    }
  });

  test("another name is refused, and the hint lists those there are", () => {
    for (const name of ["toString", "heavy"])
      expect(() => namedAugmentation(name)).toThrowError(
        expect.objectContaining({
          code: "INVALID_OPTION",
          hint: expect.stringContaining("none, light, standard, strong, keras"),
        }),
      );
  });
});

describe("augmentationSchema", () => {
  test.each([
    { rotation: 181 },
    { zoom: [1.1, 0.9] },
    { crop: { area: [0.5, 1.1], ratio: [1, 1] } },
    { crop: { area: [0, 1], ratio: [1, 1] } },
    { crop: { area: [0.5, 0.4], ratio: [1, 1] } },
    { crop: { area: [0.5, 1], ratio: [2, 1] } },
    { crop: { area: [0.5, 1] } },
    { brightness: -0.1 },
    { contrast: Number.NaN },
    { saturation: 11 },
    { hue: 200 },
    { gamma: 1 },
  ])("refuses %o", (wrong) => {
    expect(augmentationSchema.safeParse({ ...NO_AUGMENTATION, ...wrong }).success).toBe(false);
    expect(augmentationSchema.safeParse(NO_AUGMENTATION).success).toBe(true);
  });
});
