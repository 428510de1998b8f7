import { elementCount, floats, type Tensor } from "../../onnx/index.js";

/** Weights as int8: `value = scale[channel] * stored`. */
export interface Int8Weights {
  /** int8, of the weights' own dimensions, from -127 to 127. */
  readonly tensor: Tensor;
  /** One scale for each channel. */
  readonly scales: Float32Array<ArrayBuffer>;
  /**
   * By how much rounding moves each channel's mean: the sum over its weights of (weight - rounded weight) times the mean of what the weight
   * is multiplied by. All zero where no means were given.
   */
  readonly shifts: Float64Array;
}

/** The largest weight. */
const LARGEST = 127;

/** How {@link quantiseWeights} works. */
export interface WeightOptions {
  /** The mean of each input channel. */
  readonly means?: Float32Array | undefined;
  /** For each channel, a scale that is not gone below. */
  readonly smallest?: Float64Array | undefined;
}

/**
 * Rounds weights to int8, symmetrically, with a scale for each channel: its largest absolute value becomes 127.
 *
 * @param weights - float32: of a convolution [O, I/group, ...] with `axis` 0, or of a fully connected layer [O, I] with 0 or [I, O] with 1
 * @param axis - the axis that counts the output channels
 */
export function quantiseWeights(weights: Tensor, axis: 0 | 1, options: WeightOptions = {}): Int8Weights {
  const { means, smallest } = options;
  const values = floats(weights);
  const channels = weights.dims[axis] ?? 1;
  const each = channels === 0 ? 0 : values.length / channels;
  const [stride, step] = axis === 0 ? [each, 1] : [1, channels];
  // Kernel elements of one input channel, and input channels that one output channel reads.
  const kernel = axis === 0 ? elementCount(weights.dims.slice(2)) : 1;
  const reads = kernel === 0 ? 0 : each / kernel;
  const groups = means === undefined ? 1 : means.length / reads;
  const stored = new Int8Array(values.length);
  const scales = new Float32Array(channels);
  const shifts = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * stride;
    let largest = 0;
    for (let j = 0; j < each; j++) largest = Math.max(largest, Math.abs(values[start + j * step] ?? 0));
    const scale = Math.fround(Math.max(largest / LARGEST, smallest?.[channel] ?? 0)) || 1;
    const firstInput = Math.floor((channel * groups) / channels) * reads;
    let shift = 0;
    for (let j = 0; j < each; j++) {
      const value = values[start + j * step] ?? 0;
      const rounded = Math.max(-LARGEST, Math.min(LARGEST, Math.round(value / scale)));
      stored[start + j * step] = rounded;
      if (means !== undefined)
        shift += (value - rounded * scale) * (means[firstInput + Math.floor(j / kernel)] ?? 0);
    }
    scales[channel] = scale;
    shifts[channel] = shift;
  }
  return {
    tensor: { type: "int8", dims: weights.dims, data: new Uint8Array(stored.buffer) },
    scales,
    shifts,
  };
}
