/** One way of changing a photo's colours; what is left out changes nothing. */
export interface ColourParameters {
  /** Colours are multiplied by it. */
  readonly brightness?: number;
  /** Colours move away from the photo's mean luminance by this factor. */
  readonly contrast?: number;
  /** Colours move away from their own luminance by this factor. */
  readonly saturation?: number;
  /** Degrees that hues turn by: from red towards yellow where positive. */
  readonly hue?: number;
}

/** Parts of red, green and blue in the luminance of a pixel, by ITU-R BT.601 and YIQ; together they are 1. */
export const LUMINANCE = [0.299, 0.587, 0.114] as const;

/**
 * The matrix of a change of colours: three rows of four that take red, green and blue of a pixel and the mean luminance of the photo to the
 * pixel's new red, green and blue.
 *
 * It is what torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation` do one after the other, and a turn of hue:
 * - brightness b: b x
 * - contrast c: c x + (1 - c) m, with m the mean luminance of the photo
 * - saturation s: s x + (1 - s) y, with y the luminance of the pixel
 * - hue: a rotation of I and Q in YIQ. torchvision's `adjust_hue` shifts the hue of HSV instead, which keeps the largest and the smallest of
 *   the three numbers of a colour but not its luminance: yellow shifted to blue is much darker. A rotation keeps the luminance, and is linear.
 *
 * The order makes no difference, since each keeps greys grey and takes the luminance times a factor, or nearer to the mean. torchvision clips
 * to 0 and 255 after each of them, and shuffles their order; here what comes out at the end is clipped.
 *
 * @returns 12 numbers, row by row
 */
export function colourMatrix({
  brightness = 1,
  contrast = 1,
  saturation = 1,
  hue = 0,
}: ColourParameters): Float32Array<ArrayBuffer> {
  const turned = hueRotation(hue);
  const both = brightness * contrast;
  const offset = brightness * (1 - contrast);
  return Float32Array.from(
    turned.flatMap((row) => [
      ...row.map((value, i) => both * (saturation * value + (1 - saturation) * (LUMINANCE[i] ?? 0))),
      offset,
    ]),
  );
}

/**
 * Rotation of hue in YIQ as three rows of three: I = 0.74 (R - Y) - 0.27 (B - Y) and Q = 0.48 (R - Y) + 0.41 (B - Y), as the NTSC system of
 * 1953 defines them. Red to yellow to green is the direction in which Q falls.
 */
function hueRotation(degrees: number): number[][] {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [red, green, blue] = LUMINANCE;
  const columns = LUMINANCE.map((luminance, channel) => {
    const [u, v] = [(channel === 0 ? 1 : 0) - luminance, (channel === 2 ? 1 : 0) - luminance];
    const [i, q] = [0.74 * u - 0.27 * v, 0.48 * u + 0.41 * v];
    const [turnedI, turnedQ] = [cosine * i + sine * q, cosine * q - sine * i];
    const determinant = 0.74 * 0.41 + 0.27 * 0.48;
    const turnedU = (0.41 * turnedI + 0.27 * turnedQ) / determinant;
    const turnedV = (0.74 * turnedQ - 0.48 * turnedI) / determinant;
    const turnedG = -(red * turnedU + blue * turnedV) / green;
    return [luminance + turnedU, luminance + turnedG, luminance + turnedV];
  });
  return [0, 1, 2].map((row) => columns.map((column) => column[row] ?? 0));
}
