import { elementCount, float32, type Tensor } from "../../src/onnx/index.js";

/** After so many numbers, a prime, patterns repeat, so that long ones are made quickly. */
const PERIOD = 65_521;

/**
 * Numbers that look random, the same as those of `pattern` in bench/peers/keras_patterned.py.
 *
 * @param to - what becomes of a number from 0 to 1
 */
function pattern(seed: number, count: number, to: (u: number) => number): Float32Array<ArrayBuffer> {
  const offset = (seed * 40503) % 2 ** 32;
  const values = new Float32Array(count);
  for (let index = 0; index < Math.min(count, PERIOD); index++) {
    let x = (Math.imul(index, 2654435761) + offset) | 0;
    x ^= x >>> 15;
    x = Math.imul(x, 2246822519);
    x ^= x >>> 13;
    x = Math.imul(x, 3266489917);
    x ^= x >>> 16;
    values[index] = to((x >>> 0) / 2 ** 32);
  }
  for (let filled = PERIOD; filled < count; filled += PERIOD)
    values.copyWithin(filled, 0, Math.min(PERIOD, count - filled));
  return values;
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  gamma: [0.7, 1.3],
  beta: [-0.1, 0.1],
  bias: [-0.1, 0.1],
  moving_mean: [-0.1, 0.1],
  moving_variance: [0.5, 1.5],
  mean: [0.4, 0.6],
  variance: [0.04, 0.06],
};

/**
 * An array of a Keras layer whose numbers follow from its place, as `patterned` in
 * bench/peers/keras_patterned.py makes it.
 */
export function patterned(seed: number, className: string, name: string, shape: readonly number[]): Tensor {
  const [low, high] =
    className === "LayerScale" ? [0.1, 0.3] : (RANGES[name] ?? spread(className, name, shape));
  const values = pattern(seed, elementCount(shape), (u) => low + (high - low) * u);
  return float32(shape, values);
}

/** The range in which a kernel leaves the size of activations as it is. */
function spread(className: string, name: string, shape: readonly number[]): readonly [number, number] {
  const depthwise = className === "DepthwiseConv2D" || name.includes("depthwise");
  const high = Math.sqrt(4 / elementCount(depthwise ? shape.slice(0, 2) : shape.slice(0, -1)));
  return [-high, high];
}

/**
 * A photo of bytes `[S, S, 3]` whose pixels follow from their place, as `main` in
 * bench/peers/keras_patterned.py makes it.
 */
export function patternedPhoto(size: number): Tensor {
  const pixels = pattern(7, size * size * 3, (u) => Math.floor(256 * u));
  return { type: "uint8", dims: [size, size, 3], data: Uint8Array.from(pixels) };
}
