import { fromBfloat16, fromHalf, toBfloat16, toHalf } from "./half.js";
import { aligned, type DataType, elementBytes, type Tensor, toInt64 } from "./tensor.js";

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;

/**
 * The elements of a tensor as numbers, whatever its type. 64-bit integers beyond 2^53 are rounded.
 *
 * @returns a new array, or a view where the type allows one
 */
export function numbersOf(tensor: Tensor): ArrayLike<number> {
  const { type } = tensor;
  const data = aligned(tensor.data, elementBytes(type));
  const length = data.byteLength / elementBytes(type);
  if (type === "int64")
    return Float64Array.from(new BigInt64Array(data.buffer, data.byteOffset, length), Number);
  if (type === "uint64")
    return Float64Array.from(new BigUint64Array(data.buffer, data.byteOffset, length), Number);
  const values = new ARRAYS[type](data.buffer, data.byteOffset, length);
  if (type === "float16") return Float32Array.from(values, fromHalf);
  if (type === "bfloat16") return Float32Array.from(values, fromBfloat16);
  return values;
}

/**
 * A tensor of any type from numbers, converted as a `Cast` does: rounded to the nearest for floating-point types, towards zero for whole
 * ones, and to 1 for a bool that is not 0.
 */
export function tensorOf(type: DataType, dims: readonly number[], values: ArrayLike<number>): Tensor {
  const array = arrayOf(type, values);
  return { type, dims, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
}

/** A scalar tensor of any type. */
export function scalarOf(type: DataType, value: number): Tensor {
  return tensorOf(type, [], [value]);
}

function arrayOf(type: DataType, values: ArrayLike<number>): ArrayBufferView<ArrayBuffer> {
  switch (type) {
    case "int64":
      return BigInt64Array.from(values, (value) => toInt64(whole(value)));
    case "uint64":
      return BigUint64Array.from(values, (value) => BigInt.asUintN(64, BigInt(whole(value))));
    case "float16":
      return Uint16Array.from(values, toHalf);
    case "bfloat16":
      return Uint16Array.from(values, toBfloat16);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    default:
      return ARRAYS[type].from(values);
  }
}

function whole(value: number): number {
  return Number.isFinite(value)
    ? Math.trunc(value)
    : value === Number.POSITIVE_INFINITY
      ? 2 ** 63
      : -(2 ** 63);
}
