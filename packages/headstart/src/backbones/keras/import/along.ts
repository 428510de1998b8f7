import { HeadstartError } from "../../../errors.js";
import { elementCount, float32, type Tensor } from "../../../onnx/index.js";
import type { LayerCall } from "./context.js";
import { reshaped } from "./transposed.js";
import { storedAxis, type Value } from "./value.js";

/** The longest constant that is made up because a layer goes without it. */
const LONGEST = 2 ** 26;

/**
 * A float32 tensor whose elements are all the same.
 *
 * @throws HeadstartError `INVALID_MODEL` if it would be of a size that no layer has
 */
export function filled(dims: readonly number[], value: number): Tensor {
  if (elementCount(dims) > LONGEST)
    throw new HeadstartError("INVALID_MODEL", `A Keras layer claims to have ${elementCount(dims)} channels.`);
  return float32(dims, new Float32Array(elementCount(dims)).fill(value));
}

/**
 * A constant with one number for each place along an axis, shaped so that it broadcasts against a value as the graph
 * holds it.
 *
 * @param call - the layer it belongs to
 * @param name - what it is called in the layer
 * @param value - what it is combined with
 * @param axis - the axis, as Keras counts
 * @param tensor - the numbers
 */
export function along(call: LayerCall, name: string, value: Value, axis: number, tensor: Tensor): string {
  const stored = storedAxis(value, axis);
  const behind = value.shape.length - 1 - stored;
  return call.constant(name, reshaped(tensor, [elementCount(tensor.dims), ...Array<number>(behind).fill(1)]));
}
