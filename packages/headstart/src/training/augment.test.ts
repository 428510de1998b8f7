import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channel, patterned, worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import type { PhotoStage } from "../backbones/index.js";
import {
  type AffineParameters,
  affineMatrix,
  type ColourParameters,
  type Crop,
  colourMatrix,
  cropMatrix,
} from "../data/index.js";
import { float32, floats, GraphBuilder } from "../onnx/index.js";
import { affineStage, colourStage } from "./augment.js";

/** Views of square photos [N, size, size, 3], each by its own matrix. */
const views = (photos: readonly Float32Array[], matrices: readonly Float32Array[], size: number) =>
  through(affineStage(size), "affine", photos, matrices, size);

/** Square photos [N, size, size, 3] through a stage that takes a matrix for each. */
async function through(
  stage: PhotoStage,
  input: "affine" | "colour",
  photos: readonly Float32Array[],
  matrices: readonly Float32Array[],
  size: number,
): Promise<Float32Array[]> {
  const b = new GraphBuilder("augmentation");
  const photo = b.input("photo", "float32", ["N", size, size, 3]);
  const planes = b.node("Transpose", [photo], { perm: [0, 3, 1, 2] });
  const view = stage(b, planes);
  b.output("view", "float32", ["N", size, size, 3], b.node("Transpose", [view], { perm: [0, 2, 3, 1] }));
  const pixels = size * size * 3;
  const all = new Float32Array(photos.length * pixels);
  const columns = input === "affine" ? 3 : 4;
  const rows = input === "affine" ? 2 : 3;
  const matrix = new Float32Array(photos.length * rows * columns);
  for (const [i, values] of photos.entries()) all.set(values, i * pixels);
  for (const [i, values] of matrices.entries()) matrix.set(values, i * rows * columns);
  const found = await runGraph(b.build(), {
    photo: float32([photos.length, size, size, 3], all),
    [input]: float32([photos.length, rows, columns], matrix),
  });
  const values = floats(found.view ?? float32([0], []));
  return photos.map((_, i) => values.slice(i * pixels, (i + 1) * pixels));
}

async function viewOf(
  photo: Float32Array,
  parameters: AffineParameters,
  size: number,
): Promise<Float32Array> {
  const [view] = await views([photo], [affineMatrix(parameters, size)], size);
  return view ?? new Float32Array(0);
}

const photo = Float32Array.from(patterned(5, 5).data);

/** What torchvision makes of `patterned(6, 6)`, by bench/peers/torchvision_views.py. */
const TORCHVISION: readonly {
  readonly crop?: Crop;
  readonly colour?: ColourParameters;
  readonly pixels: readonly number[];
}[] = JSON.parse(
  readFileSync(new URL("../../test/fixtures/augmentation/torchvision.json", import.meta.url), "utf8"),
);
const six = Float32Array.from(patterned(6, 6).data);

describe("affineStage", () => {
  test("the matrix of no change changes nothing", async () => {
    expect(worstDifference(await viewOf(photo, {}, 5), photo)).toBeLessThan(1e-4);
    const large = Float32Array.from(patterned(299, 299).data);
    expect(worstDifference(await viewOf(large, {}, 299), large)).toBeLessThan(0.01);
  });

  test("mirrors, and shifts with the edge going on", async () => {
    const size = 5;
    const at = (values: Float32Array, x: number, y: number) => values[(y * size + x) * 3];
    const mirrored = await viewOf(photo, { flipHorizontal: true }, size);
    const shifted = await viewOf(photo, { tx: 2, ty: -1 }, size);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        expect(at(mirrored, x, y)).toBeCloseTo(at(photo, size - 1 - x, y) ?? -1, 3);
        const from = [Math.min(x + 2, size - 1), Math.max(y - 1, 0)] as const;
        expect(at(shifted, x, y)).toBeCloseTo(at(photo, ...from) ?? -1, 3);
      }
  });

  // Red channel of what Keras 3.15's `ImageDataGenerator.apply_transform` makes of the picture of 5 x 5.
  test.each<[AffineParameters, readonly number[]]>([
    [
      { theta: 30, zx: 0.8, zy: 1.3 },
      [
        38.2872, 52.1436, 66, 80.8947, 83.8383, 25.8064, 42.4628, 59.1192, 75.7756, 91.7192, 20.6872, 37.3436,
        54, 70.6564, 87.3128, 16.2808, 32.2244, 48.8808, 65.5372, 82.1936, 24.1617, 27.1053, 42, 55.8564,
        69.7128,
      ],
    ],
    [
      { theta: -10, shear: 15, zx: 1.1, zy: 0.9, tx: 1, ty: -0.5, flipHorizontal: true },
      [
        80, 80, 61.0973, 39.4315, 17.7657, 80.3874, 81.7245, 62.5901, 42.2614, 21.9327, 86.6634, 87.626,
        67.2973, 46.9686, 26.64, 92.9395, 92.3332, 72.0045, 51.6759, 31.3472, 99.2155, 97.0404, 76.7118,
        56.3831, 36.0544,
      ],
    ],
  ])("%o as Keras does it", async (parameters, expected) => {
    expect(worstDifference(channel(await viewOf(photo, parameters, 5), 0), expected)).toBeLessThan(2e-4);
  });

  test("gives each photo of a batch its own view", async () => {
    const other = photo.map((value) => 255 - value);
    const matrices = [affineMatrix({ theta: 20 }, 5), affineMatrix({ zx: 1.2, flipHorizontal: true }, 5)];
    const [first, second] = await views([photo, other], matrices, 5);
    const [alone] = await views([other], matrices.slice(1), 5);
    expect(second).toEqual(alone);
    expect(first).toEqual(await viewOf(photo, { theta: 20 }, 5));
  });

  const crops = TORCHVISION.flatMap(({ crop, pixels }) => (crop ? [{ ...crop, pixels }] : []));
  test.each(crops)("crops $left, $top, $width x $height as torchvision does", async ({ pixels, ...crop }) => {
    const [view = photo] = await views([six], [Float32Array.from(cropMatrix(crop, 6))], 6);
    const within = (place: number, start: number, length: number) => {
      const shown = start + ((place + 0.5) * length) / 6 - 0.5;
      return shown >= start && shown <= start + length - 1;
    };
    let compared = 0;
    for (let y = 0; y < 6; y++)
      for (let x = 0; x < 6; x++) {
        // Nearer to the edge torchvision repeats the crop's last pixel; the view shows what is beyond.
        if (!within(x, crop.left, crop.width) || !within(y, crop.top, crop.height)) continue;
        const at = (y * 6 + x) * 3;
        expect(worstDifference(view.slice(at, at + 3), pixels.slice(at, at + 3))).toBeLessThan(2e-3);
        compared++;
      }
    expect(compared).toBeGreaterThanOrEqual(8);
  });

  const golden = shared("golden/keras/affine.json");
  test.skipIf(!golden)("all of Keras's views of a photo of 64 x 64 (needs ../shared)", async () => {
    const cases: (AffineParameters & { readonly flip_horizontal?: boolean })[] = JSON.parse(
      readFileSync(golden ?? "", "utf8"),
    );
    const tensors = readSafetensors(shared("golden/keras/affine.safetensors") ?? "");
    const pixels = (name: string) => floats(tensors.get(name) ?? float32([0], []));
    const matrices = cases.map(({ flip_horizontal = false, ...parameters }) =>
      affineMatrix({ ...parameters, flipHorizontal: flip_horizontal }, 64),
    );
    const found = await views(
      cases.map(() => pixels("input")),
      matrices,
      64,
    );
    const worst = found.map((view, i) => {
      const expected = pixels(`case_${i}`);
      const { flip_horizontal: _, ...parameters } = cases[i] ?? {};
      // What Keras interpolated lies in the file channel by channel, although the file says [64, 64, 3].
      const byChannel = Object.values(parameters).some((value) => value !== 0 && value !== 1);
      return worstDifference(byChannel ? [0, 1, 2].flatMap((which) => channel(view, which)) : view, expected);
    });
    expect(worst).toHaveLength(12);
    expect(Math.max(...worst)).toBeLessThan(0.003);
  });
});

describe("colourStage", () => {
  const recoloured = (
    photos: readonly Float32Array[],
    parameters: readonly ColourParameters[],
    size: number,
  ) => through(colourStage(size), "colour", photos, parameters.map(colourMatrix), size);

  test("the matrix of no change changes nothing", async () => {
    const [found = six] = await recoloured([photo], [{}], 5);
    expect(worstDifference(found, photo)).toBeLessThan(1e-4);
  });

  const colours = TORCHVISION.flatMap(({ colour, pixels }) => (colour ? [{ colour, pixels }] : []));
  test.each(colours)("$colour as torchvision does it", async ({ colour, pixels }) => {
    const { contrast = 1, saturation = 1 } = colour;
    const [found = photo] = await recoloured([six], [colour], 6);
    // torchvision's weights of luminance are 0.2989, 0.587 and 0.114, so that white has 0.9999 of it; here red has 0.299.
    const luminance = 0.0001 * 255 * (Math.abs(1 - contrast) + Math.abs(1 - saturation));
    expect(worstDifference(found, pixels)).toBeLessThan(luminance + 1e-3);
  });

  test("a turn of hue keeps the luminance where nothing is clipped", async () => {
    const muted = six.map((value) => 100 + value / 5);
    const [found = photo] = await recoloured([muted], [{ hue: 50 }], 6);
    const luminance = (pixels: Float32Array) =>
      channel(pixels, 0).map(
        (red, i) => 0.299 * red + 0.587 * (pixels[3 * i + 1] ?? 0) + 0.114 * (pixels[3 * i + 2] ?? 0),
      );
    expect(worstDifference(luminance(found), luminance(muted))).toBeLessThan(1e-3);
    expect(worstDifference(found, muted)).toBeGreaterThan(10);
  });

  test("gives each photo its own colours, about its own mean, from 0 to 255", async () => {
    const factor = fc.double({ min: 0, max: 5, noNaN: true });
    const parameters = fc.record({
      brightness: factor,
      contrast: factor,
      saturation: factor,
      hue: fc.double({ min: -180, max: 180, noNaN: true }),
    });
    const dark = six.map((value) => value / 4);
    await fc.assert(
      fc.asyncProperty(parameters, parameters, async (one, other) => {
        const [first, second = photo] = await recoloured([six, dark], [one, other], 6);
        expect(second).toEqual((await recoloured([dark], [other], 6))[0]);
        expect(first).toEqual((await recoloured([six], [one], 6))[0]);
        expect(Math.min(...second)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...second)).toBeLessThanOrEqual(255);
      }),
      { numRuns: 10 },
    );
  });
});
