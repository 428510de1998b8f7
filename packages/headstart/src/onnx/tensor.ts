import { HeadstartError } from "../errors.js";

/** Bytes of one element, for each element type whose elements have a fixed size. */
const ELEMENT_BYTES = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
  bfloat16: 2,
} as const;

/** Element type of a tensor, by its usual name. */
export type DataType = keyof typeof ELEMENT_BYTES;

/**
 * A tensor as plain data: element type, dimensions, and the elements as little-endian bytes in row-major order. `data` may be a view
 * into a file that was read, so it is not to be written to and need not be aligned.
 */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Bytes that one element of a type takes. */
export function elementBytes(type: DataType): number {
  return ELEMENT_BYTES[type];
}

/** Whether a string names an element type of {@link Tensor}. */
export function isDataType(name: string): name is DataType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

/** Number of elements that dimensions make; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/**
 * A float32 tensor.
 *
 * @param dims - its dimensions; `[]` makes a scalar
 * @param values - its elements in row-major order; a `Float32Array` is used as it is, not copied
 * @throws HeadstartError `INVALID_MODEL` if the number of values is not what the dimensions make
 */
export function float32(
  dims: readonly number[],
  values: Float32Array<ArrayBuffer> | readonly number[],
): Tensor {
  return fromArray("float32", dims, values instanceof Float32Array ? values : Float32Array.from(values));
}

/**
 * An int64 tensor from numbers that are whole and safe; see {@link float32} for the rest. Numbers of 2^63 and beyond become the largest
 * int64, which stands for "to the end"; the same at the other side.
 */
export function int64(
  dims: readonly number[],
  values: BigInt64Array<ArrayBuffer> | readonly number[],
): Tensor {
  return fromArray(
    "int64",
    dims,
    values instanceof BigInt64Array ? values : BigInt64Array.from(values, toInt64),
  );
}

/** A whole number as an int64; beyond its ends, the end itself. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n;
  if (value <= -(2 ** 63)) return -(2n ** 63n);
  return BigInt(value);
}

/** A uint8 tensor, such as a batch of photos; see {@link float32} for the rest. */
export function uint8(dims: readonly number[], values: Uint8Array<ArrayBuffer> | readonly number[]): Tensor {
  return fromArray("uint8", dims, values instanceof Uint8Array ? values : Uint8Array.from(values));
}

function fromArray(
  type: DataType,
  dims: readonly number[],
  values: ArrayBufferView<ArrayBuffer> & { length: number },
): Tensor {
  if (values.length !== elementCount(dims))
    throw new HeadstartError(
      "INVALID_MODEL",
      `${values.length} values do not make a ${type} tensor of [${dims.join(", ")}].`,
    );
  return { type, dims, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** The elements of a float32 tensor, without copying where the bytes are aligned. */
export function floats(tensor: Tensor): Float32Array<ArrayBuffer> {
  expectType(tensor, "float32");
  const data = aligned(tensor.data, 4);
  return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

/** The number in a float32 scalar, such as a loss; not a number where the tensor is empty. */
export function scalar(tensor: Tensor): number {
  return floats(tensor)[0] ?? Number.NaN;
}

/**
 * The elements of an int64 or int32 tensor as numbers, for shapes, axes and labels. Beyond 2^53 they are rounded, which matters to no shape.
 */
export function integers(tensor: Tensor): number[] {
  if (tensor.type === "int64") {
    const data = aligned(tensor.data, 8);
    return Array.from(new BigInt64Array(data.buffer, data.byteOffset, data.byteLength / 8), Number);
  }
  expectType(tensor, "int32");
  const data = aligned(tensor.data, 4);
  return Array.from(new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4));
}

function expectType(tensor: Tensor, type: DataType): void {
  if (tensor.type !== type)
    throw new HeadstartError("INVALID_MODEL", `A ${type} tensor was expected, not one of ${tensor.type}.`);
}

/** The same bytes at an offset that a typed array of `bytes` an element accepts. */
export function aligned(data: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  return data.byteOffset % bytes === 0 ? data : new Uint8Array(data);
}
