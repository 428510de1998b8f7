import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { batchOfOne, channel, patterned, worstDifference } from "../../test/support/figures.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { floats, GraphBuilder, type Tensor, uint8 } from "../onnx/index.js";
import { Runtime } from "../runtime/index.js";
import { decodePhoto } from "./decode.js";
import { type Resize, resizeStage } from "./resize.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** Squashes a picture [H, W, 3] in a graph such as a shipped model begins with. */
async function squash(picture: Tensor, size: number, resize: Resize): Promise<Float32Array> {
  const b = new GraphBuilder("resize");
  const image = b.input("image", "uint8", ["N", "H", "W", 3]);
  const planes = b.node("Cast", [b.node("Transpose", [image], { perm: [0, 3, 1, 2] })], { to: 1 });
  const resized = resizeStage(size, resize)(b, planes);
  b.output(
    "resized",
    "float32",
    ["N", size, size, 3],
    b.node("Transpose", [resized], { perm: [0, 2, 3, 1] }),
  );
  const session = await runtime.load(b.build());
  const { resized: found } = await session.run<"resized">({ image: batchOfOne(picture) });
  await session.close();
  expect(found.dims).toEqual([1, size, size, 3]);
  return floats(found);
}

// What Pillow 13.0 makes of the picture of 13 x 9: the red channel at 4 x 4, and rows of the green channel at 20 x 20.
const NEAREST_4 = [27, 87, 167, 227, 41, 101, 181, 241, 55, 115, 195, 255, 69, 129, 209, 13];
const BICUBIC_4 = [29, 91, 158, 224, 44, 106, 178, 196, 60, 122, 197, 158, 75, 138, 205, 85];
const NEAREST_20 = [
  [0, 0, 3, 12, 12, 27, 48, 48, 75, 108, 108, 147, 192, 192, 243, 44, 44, 107, 176, 176],
  [124, 124, 127, 136, 136, 151, 172, 172, 199, 232, 232, 15, 60, 60, 111, 168, 168, 231, 44, 44],
  [248, 248, 251, 4, 4, 19, 40, 40, 67, 100, 100, 139, 184, 184, 235, 36, 36, 99, 168, 168],
];
const BICUBIC_20 = [
  [0, 0, 1, 6, 15, 25, 39, 54, 73, 94, 117, 143, 169, 215, 255, 131, 35, 94, 146, 178],
  [131, 132, 135, 140, 149, 159, 173, 192, 211, 214, 136, 6, 33, 81, 114, 153, 185, 198, 114, 41],
  [251, 255, 231, 30, 0, 0, 31, 54, 71, 92, 115, 141, 169, 207, 242, 118, 35, 92, 144, 176],
];

/** Rows 0, 10 and 19 of the green channel at 20 x 20. */
function greenRows(pixels: Float32Array): number[] {
  const green = channel(pixels, 1);
  return [0, 10, 19].flatMap((row) => green.slice(row * 20, (row + 1) * 20));
}

describe("resizeStage", () => {
  test("nearest is Pillow's", async () => {
    expect(channel(await squash(patterned(13, 9), 4, "nearest"), 0)).toEqual(NEAREST_4);
    expect(greenRows(await squash(patterned(13, 9), 20, "nearest"))).toEqual(NEAREST_20.flat());
  });

  test("bicubic is Pillow's, within one grey level", async () => {
    const small = await squash(patterned(13, 9), 4, "bicubic");
    expect(worstDifference(channel(small, 0), BICUBIC_4)).toBeLessThanOrEqual(1);
    const large = await squash(patterned(13, 9), 20, "bicubic");
    expect(worstDifference(greenRows(large), BICUBIC_20.flat())).toBeLessThanOrEqual(1);
    expect(small.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
  });

  test.each(["nearest", "bicubic"] as const)("%s changes nothing at the photo's own size", async (resize) => {
    const picture = patterned(17, 17);
    expect(Array.from(await squash(picture, 17, resize))).toEqual(Array.from(picture.data));
  });

  test("nearest takes the pixel at floor((x + 0.5) * scale); between two pixels, either", async () => {
    const sizes = fc.integer({ min: 1, max: 700 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 300 }), async (width, size) => {
        // The pixel's place stands in its first two channels.
        const picture = uint8(
          [1, width, 3],
          Array.from({ length: width }, (_, x) => [x % 256, x >> 8, 0]).flat(),
        );
        const found = (await squash(picture, size, "nearest")).subarray(0, 3 * size);
        for (let x = 0; x < size; x++) {
          const place = ((2 * x + 1) * width) / (2 * size);
          const taken = (found[3 * x] ?? Number.NaN) + 256 * (found[3 * x + 1] ?? Number.NaN);
          const allowed = Number.isInteger(place) ? [place - 1, place] : [Math.floor(place)];
          expect(allowed).toContain(taken);
        }
      }),
      { numRuns: 30 },
    );
  });

  const golden = shared("golden/keras/resize.safetensors");
  test.skipIf(!golden).each([64, 224, 299])(
    "a photo as Keras squashes it to %i (needs ../shared)",
    async (size) => {
      const { pixels, width, height } = await decodePhoto(shared("golden/keras/photo.png") ?? "", {
        resize: "none",
      });
      const expected = readSafetensors(golden ?? "").get(`nearest_${size}`);
      const found = await squash(uint8([height, width, 3], pixels), size, "nearest");
      expect(Uint8Array.from(found)).toEqual(expected?.data);
    },
  );
});
