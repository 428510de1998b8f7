import type { Random } from "../random.js";
import type { RandomCrop } from "./augmentation.js";

/** A rectangle of a photo, in pixels; its edges may lie between pixels. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The matrix that shows a crop of a square photo resized to the whole square: two rows of three that take an output pixel (x, y, 1) to the
 * point (x, y) of the photo that it shows. Pixel centres are at whole numbers, and a pixel reaches half a pixel to each side.
 *
 * It is what torchvision's `resized_crop` does with bilinear interpolation, but for pixels at the crop's edge: those also see the photo
 * beyond it, where torchvision repeats the crop's last pixel.
 *
 * @param size - side of the square, in pixels
 * @returns 6 numbers, row by row
 */
export function cropMatrix({ left, top, width, height }: Crop, size: number): readonly number[] {
  const [x, y] = [width / size, height / size];
  return [x, 0, left + x / 2 - 0.5, 0, y, top + y / 2 - 0.5];
}

/**
 * Draws a crop that lies inside a square photo. Four numbers are drawn: area, ratio, and where the crop lies from left to right and from top
 * to bottom.
 *
 * As in torchvision's `RandomResizedCrop`, areas are evenly spread, and so are the logarithms of the ratios. There, a crop that is wider or
 * higher than the photo is drawn again, up to ten times; here the ratio is drawn among those with which a crop of the area fits. If none
 * does, the crop has the ratio nearest to 1 and is as large as fits. Nothing is rounded to whole pixels.
 *
 * @param random - where numbers come from
 * @param size - side of the square, in pixels
 */
export function drawCrop(random: Random, { area, ratio }: RandomCrop, size: number): Crop {
  const share = random.between(...area);
  const [least, most] = [Math.max(ratio[0], share), Math.min(ratio[1], 1 / share)];
  const chosen = Math.exp(random.between(Math.log(least), Math.log(most)));
  // Without a ratio that fits, one of the two ends is beyond what fits, and the other is the allowed ratio nearest to 1.
  const wide = least <= most ? chosen : ratio[0] > 1 / share ? ratio[0] : ratio[1];
  const width = Math.min(1, Math.sqrt(share * wide), wide);
  const height = Math.min(1, Math.sqrt(share / wide), 1 / wide);
  return {
    left: random.uniform() * (1 - width) * size,
    top: random.uniform() * (1 - height) * size,
    width: width * size,
    height: height * size,
  };
}
