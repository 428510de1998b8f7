/** The smallest and the largest value that a tensor takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** How uint8 stands for numbers: `value = scale * (stored - zeroPoint)`. */
export interface Scale {
  /** A float32, above 0. */
  readonly scale: number;
  /** From 0 to 255. */
  readonly zeroPoint: number;
}

/** The smallest scale: below it float32 has no full precision, and a tensor that is always 0 needs some scale. */
const SMALLEST = 2 ** -100;

/**
 * The scale and zero point with which uint8 covers a range. Zero is always within and stored exactly, since padding is made of it; a range that
 * begins at 0 has the zero point 0, so that storing a value is a rectification, too.
 *
 * Source: the asymmetric scheme of B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
 * Inference, 2018, section 2.1.
 */
export function scaleOf({ min, max }: Range): Scale {
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  const scale = Math.max(Math.fround((high - low) / 255), SMALLEST);
  return { scale, zeroPoint: Math.min(255, Math.round((0 - low) / scale)) };
}
