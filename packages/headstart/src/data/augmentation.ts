import { z } from "zod";
import { HeadstartError } from "../errors.js";
import type { Random } from "../random.js";

/**
 * How views of a photo may differ from it. Angles are in degrees. What is left out changes nothing.
 *
 * A view shows a crop of the photo, resized to the photo's square; in it the photo is rotated, sheared and zoomed about the crop's centre and
 * mirrored; then its colours are changed.
 */
export interface Augmentation {
  /** Rotated by an angle from -rotation to +rotation. */
  readonly rotation: number;
  /** Sheared by an angle from -shear to +shear. */
  readonly shear: number;
  /** Zoomed by a factor between these, drawn for each axis; above 1 shows more of the photo, smaller. */
  readonly zoom: readonly [number, number];
  /** Whether every other view, on average, is mirrored left to right. */
  readonly horizontalFlip: boolean;
  /** Shows a part of the photo, as torchvision's `RandomResizedCrop`. */
  readonly crop?: RandomCrop;
  /** Colours are multiplied by a factor between 1 - brightness (but at least 0) and 1 + brightness, as torchvision's `ColorJitter`. */
  readonly brightness?: number;
  /** Colours move away from the view's mean luminance, by a factor as for brightness; below 1 they come nearer. */
  readonly contrast?: number;
  /** Colours move away from their own luminance, by a factor as for brightness; at 0 they are grey. */
  readonly saturation?: number;
  /** Hues turn by an angle from -hue to +hue. They turn in YIQ, about the grey axis, so a colour keeps its luminance. */
  readonly hue?: number;
}

/** The part of a photo that a view may show. */
export interface RandomCrop {
  /** Least and most of the photo's area. */
  readonly area: readonly [number, number];
  /**
   * Least and most width divided by height, in the square that the photo was squashed to: a crop of ratio 1 has the proportions of the whole
   * photo, and objects in it are as squashed as they are in the photo.
   */
  readonly ratio: readonly [number, number];
}

const positive = z.number().positive();
const jitter = z.number().min(0).max(10);

/** Two numbers, the first no larger than the second. */
function range(end: z.ZodNumber, name: string) {
  return z
    .tuple([end, end])
    .refine(([least, most]) => least <= most, `the smallest ${name} is larger than the largest`);
}

/** What an {@link Augmentation} may be. */
export const augmentationSchema: z.ZodType<Augmentation> = z.strictObject({
  rotation: z.number().min(0).max(180),
  shear: z.number().min(0).max(80),
  zoom: range(positive, "zoom"),
  horizontalFlip: z.boolean(),
  crop: z.exactOptional(
    z.strictObject({ area: range(positive.max(1), "area"), ratio: range(positive, "ratio") }),
  ),
  brightness: z.exactOptional(jitter),
  contrast: z.exactOptional(jitter),
  saturation: z.exactOptional(jitter),
  hue: z.exactOptional(z.number().min(0).max(180)),
});

/**
 * Augmentations by name, from none to much.
 *
 * - `none`: photos as they are.
 * - `light`: a crop of at least 80 % of the photo, hardly stretched; mirrored; up to a tenth brighter or darker, with up to a tenth more or
 *   less contrast. For few epochs, for classes that differ in detail or in colour, and for objects that fill the photo.
 * - `standard`: a crop of at least 35 % of the photo, stretched by up to a third; rotated by up to 10 degrees; mirrored; brightness,
 *   contrast and saturation by up to a fifth. Rotation and light are those of fastai's `aug_transforms`. ImageNet is trained with crops from
 *   8 %, which often leave the object out: a million photos make up for that, a few hundred do not. Hues stay, since they tell flowers
 *   and birds apart.
 * - `strong`: a crop of at least 20 %; rotated by up to 15 degrees, sheared by up to 5; mirrored; brightness, contrast and saturation by up
 *   to 40 %, timm's default; hues by up to 15 degrees. For many epochs, and for networks that learn the photos by heart otherwise.
 * - `keras`: that of the classic Keras tutorial and of the recipe `keras-classic`.
 *
 * All mirror left to right: for photos in which left and right matter, such as text, take one as it is and set `horizontalFlip` to false.
 *
 * @example
 * import { AUGMENTATIONS } from "headstart";
 * const upright = { ...AUGMENTATIONS.standard, horizontalFlip: false };
 */
export const AUGMENTATIONS = {
  none: null,
  light: {
    rotation: 0,
    shear: 0,
    zoom: [1, 1],
    horizontalFlip: true,
    crop: { area: [0.8, 1], ratio: [0.9, 1.11] },
    brightness: 0.1,
    contrast: 0.1,
  },
  standard: {
    rotation: 10,
    shear: 0,
    zoom: [1, 1],
    horizontalFlip: true,
    crop: { area: [0.35, 1], ratio: [0.75, 1.33] },
    brightness: 0.2,
    contrast: 0.2,
    saturation: 0.2,
  },
  strong: {
    rotation: 15,
    shear: 5,
    zoom: [1, 1],
    horizontalFlip: true,
    crop: { area: [0.2, 1], ratio: [0.75, 1.33] },
    brightness: 0.4,
    contrast: 0.4,
    saturation: 0.4,
    hue: 15,
  },
  keras: { rotation: 10, shear: 0.1, zoom: [0.9, 1.1], horizontalFlip: true },
} as const satisfies Readonly<Record<string, Augmentation | null>>;

/** What {@link AUGMENTATIONS} are called. */
export type AugmentationName = keyof typeof AUGMENTATIONS;

/**
 * The augmentation of a name.
 *
 * @param name - one of {@link AUGMENTATIONS}
 * @returns `null` for `none`
 * @throws HeadstartError `INVALID_OPTION` for any other name
 */
export function namedAugmentation(name: string): Augmentation | null {
  const entry = Object.entries(AUGMENTATIONS).find(([known]) => known === name);
  if (entry !== undefined) return entry[1];
  throw new HeadstartError(
    "INVALID_OPTION",
    `There is no augmentation called "${name}".`,
    `The augmentations are: ${Object.keys(AUGMENTATIONS).join(", ")}.`,
  );
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
 * Draws the rotation, shear, zoom and mirror of one view. Five numbers are drawn whatever the augmentation allows, in this order: rotation, shear, zoom along
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
