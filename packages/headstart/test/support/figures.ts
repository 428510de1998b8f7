import { type Tensor, uint8 } from "../../src/onnx/index.js";

/** A picture [height, width, 3] whose pixel (x, y) is (20x + 7y, 3x^2 + 31y, 255 - 5xy), each modulo 256. */
export function patterned(width: number, height: number): Tensor {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      pixels.set([x * 20 + y * 7, x * x * 3 + y * 31, 255 - x * y * 5], (y * width + x) * 3);
  return uint8([height, width, 3], pixels);
}

/** One channel of a picture [H, W, 3] or [1, H, W, 3]. */
export function channel(pixels: ArrayLike<number>, which: number): number[] {
  return Array.from({ length: pixels.length / 3 }, (_, i) => pixels[3 * i + which] ?? Number.NaN);
}

/** The largest difference between numbers in the same places; infinite where there are not as many. */
export function worstDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < found.length; i++)
    worst = Math.max(worst, Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
  return worst;
}

/** The same picture as a batch of one. */
export function batchOfOne(picture: Tensor): Tensor {
  return { ...picture, dims: [1, ...picture.dims] };
}
