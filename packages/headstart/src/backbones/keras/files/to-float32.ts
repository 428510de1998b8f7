import { aligned, float32, fromBfloat16, fromHalf, type Tensor } from "../../../onnx/index.js";
import type { Hdf5Float } from "./hdf5/tree.js";

/**
 * A float32 tensor of numbers that are stored in another floating-point type. What is float32 already is not copied.
 *
 * @param dims - its dimensions
 * @param type - the type they are stored in
 * @param data - the elements as little-endian bytes in row-major order
 */
export function toFloat32(dims: readonly number[], type: Hdf5Float, data: Uint8Array<ArrayBuffer>): Tensor {
  if (type === "float32") return { type, dims, data };
  if (type === "float64") {
    const { buffer, byteOffset, byteLength } = aligned(data, 8);
    return float32(dims, Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8)));
  }
  const { buffer, byteOffset, byteLength } = aligned(data, 2);
  const bits = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return float32(dims, Float32Array.from(bits, type === "float16" ? fromHalf : fromBfloat16));
}
