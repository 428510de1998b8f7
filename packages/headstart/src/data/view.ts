import type { Random } from "../random.js";
import { type Augmentation, drawAugmentation } from "./augmentation.js";
import { colourMatrix } from "./colour.js";
import { cropMatrix, drawCrop } from "./crop.js";

/** What is drawn for one view of a photo. */
export interface View {
  /** 6 numbers: two rows that take a pixel (x, y, 1) of the view to the point (x, y) of the photo that it shows, in pixels. */
  readonly affine: Float32Array<ArrayBuffer>;
  /** 12 numbers: three rows that take a pixel's red, green and blue and the view's mean luminance to its new red, green and blue. */
  readonly colour: Float32Array<ArrayBuffer>;
}

/** The whole photo, which a view without a crop shows. */
const WHOLE = { area: [1, 1], ratio: [1, 1] } as const;

/**
 * Draws one view. An augmentation of rotation, shear, zoom and mirror alone takes the five numbers of {@link drawAugmentation} from the
 * stream. Any other takes thirteen, whatever it allows: those five, four for the crop, and one each for brightness, contrast, saturation
 * and hue.
 *
 * @param random - where numbers come from
 * @param size - side of the square photo, in pixels
 */
export function drawView(random: Random, augmentation: Augmentation, size: number): View {
  const affine = drawAugmentation(random, augmentation, size);
  const { crop, brightness, contrast, saturation, hue } = augmentation;
  if ([crop, brightness, contrast, saturation, hue].every((choice) => choice === undefined))
    return { affine, colour: colourMatrix({}) };
  const cropped = cropMatrix(drawCrop(random, crop ?? WHOLE, size), size);
  return {
    affine: crop === undefined ? affine : after(cropped, affine),
    colour: colourMatrix({
      brightness: drawFactor(random, brightness),
      contrast: drawFactor(random, contrast),
      saturation: drawFactor(random, saturation),
      hue: random.between(-(hue ?? 0), hue ?? 0),
    }),
  };
}

/** Whether views may show the photo's pixels in other places. */
export function movesPixels({ rotation, shear, zoom, horizontalFlip, crop }: Augmentation): boolean {
  return (
    rotation > 0 || shear > 0 || zoom.some((factor) => factor !== 1) || horizontalFlip || crop !== undefined
  );
}

/** Whether views may have other colours. */
export function changesColours({
  brightness = 0,
  contrast = 0,
  saturation = 0,
  hue = 0,
}: Augmentation): boolean {
  return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0;
}

/** A factor around 1, as torchvision's `ColorJitter` draws it. */
function drawFactor(random: Random, spread = 0): number {
  return random.between(Math.max(0, 1 - spread), 1 + spread);
}

/** The matrix that goes through `first` and then through `outer`; both are two rows of three. */
function after(outer: readonly number[], first: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = outer;
  const [p = 0, q = 0, r = 0, s = 0, t = 0, u = 0] = Array.from(first);
  return Float32Array.of(
    a * p + b * s,
    a * q + b * t,
    a * r + b * u + c,
    d * p + e * s,
    d * q + e * t,
    d * r + e * u + f,
  );
}
