import type { Random } from "../random.js";

/** How views of a photo may differ from it. Angles are in degrees. */
export interface Augmentation {
  /** Rotated by an angle from -rotation to +rotation. */
  readonly rotation: number;
  /** Sheared by an angle from -shear to +shear. */
  readonly shear: number;
  /** Zoomed by a factor between these, drawn for each axis; above 1 shows more of the photo, smaller. */
  readonly zoom: readonly [number, number];
  /** Whether every other view, on average, is mirrored left to right. */
  readonly horizontalFlip: boolean;
}

/** One way of changing a photo; what is left out changes nothing. */
export interface AffineParameters {
  /** Rotation in degrees. */
  readonly theta?: number;
  /** Shear in degrees. */
  readonly shear?: number;
  /** Zoom along x; above 1 shows more of the photo. */
  readonly zx?: number;
  /** Zoom along y. */
  readonly zy?: number;
  /** Shift along x in pixels, to the left where positive. */
  readonly tx?: number;
  /** Shift along y in pixels, upwards where positive. */
  readonly ty?: number;
  /** Mirrors left to right, after all else. */
  readonly flipHorizontal?: boolean;
}

const RADIANS = Math.PI / 180;

/**
 * The matrix of an affine change: two rows of three that take an output pixel (x, y, 1) to the point (x, y) of the input that it shows.
 * Pixel centres are at whole numbers.
 *
 * It is what Keras's `ImageDataGenerator.apply_transform` does to a square picture: rotation * shift * shear * zoom about the centre
 * (size / 2 - 0.5), where shear is [[1, -sin s], [0, cos s]], and the mirror last.
 *
 * @param parameters - what to do
 * @param size - side of the square photo, in pixels
 * @returns 6 numbers, row by row
 */
export function affineMatrix(parameters: AffineParameters, size: number): Float32Array<ArrayBuffer> {
  const { theta = 0, shear = 0, zx = 1, zy = 1, tx = 0, ty = 0, flipHorizontal = false } = parameters;
  const [sine, cosine] = [Math.sin(theta * RADIANS), Math.cos(theta * RADIANS)];
  const [slant, squeeze] = [Math.sin(shear * RADIANS), Math.cos(shear * RADIANS)];
  // The columns of rotation * shear * zoom, and rotation * shift.
  const xx = cosine * zx;
  const yx = sine * zx;
  const xy = (-cosine * slant - sine * squeeze) * zy;
  const yy = (-sine * slant + cosine * squeeze) * zy;
  const centre = size / 2 - 0.5;
  const x = cosine * tx - sine * ty + centre - (xx + xy) * centre;
  const y = sine * tx + cosine * ty + centre - (yx + yy) * centre;
  if (!flipHorizontal) return Float32Array.of(xx, xy, x, yx, yy, y);
  // Mirrored, output pixel x shows what x' = size - 1 - x showed.
  const last = size - 1;
  return Float32Array.of(-xx, xy, x + xx * last, -yx, yy, y + yx * last);
}

/**
 * Draws the matrix of one view. Five numbers are drawn whatever the augmentation allows, in this order: rotation, shear, zoom along
 * x, zoom along y, mirror.
 * So a stream of random numbers goes on alike for every augmentation.
 *
 * @param random - where numbers come from
 * @param size - side of the square photo, in pixels
 * @returns 6 numbers as {@link affineMatrix} gives them
 */
export function drawAugmentation(
  random: Random,
  augmentation: Augmentation,
  size: number,
): Float32Array<ArrayBuffer> {
  const { rotation, shear, zoom, horizontalFlip } = augmentation;
  return affineMatrix(
    {
      theta: random.between(-rotation, rotation),
      shear: random.between(-shear, shear),
      zx: random.between(zoom[0], zoom[1]),
      zy: random.between(zoom[0], zoom[1]),
      flipHorizontal: random.uniform() < 0.5 && horizontalFlip,
    },
    size,
  );
}
