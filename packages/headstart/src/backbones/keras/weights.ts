import type { Tensor } from "../../onnx/index.js";

/** An array that a Keras layer must have. */
export interface WantedWeight {
  /** What Keras calls it in the layer: `kernel`, `bias`, `gamma`, `moving_mean`, ... */
  readonly name: string;
  readonly shape: readonly number[];
}

/** The arrays of a Keras model's layers, read when they are asked for. */
export interface KerasWeights {
  /**
   * The arrays of one layer, as float32.
   *
   * @param path - names of the layers that lead to it, from the outermost model inwards: `["conv1"]`, or `["base", "conv1"]` in a nested model
   * @param wanted - its arrays, in the order in which Keras lists them
   * @returns one tensor for each wanted array, in the same order
   * @throws HeadstartError `INVALID_MODEL` naming the layer and the array, if it is missing or has another shape
   */
  read(path: readonly string[], wanted: readonly WantedWeight[]): readonly Tensor[];
}
