import { TensorProto_DataType as Code } from "onnx-buf";
import type { DataType } from "./tensor.js";

const CODES: Readonly<Record<DataType, number>> = {
  float32: Code.FLOAT,
  uint8: Code.UINT8,
  int8: Code.INT8,
  uint16: Code.UINT16,
  int16: Code.INT16,
  int32: Code.INT32,
  int64: Code.INT64,
  bool: Code.BOOL,
  float16: Code.FLOAT16,
  float64: Code.DOUBLE,
  uint32: Code.UINT32,
  uint64: Code.UINT64,
  bfloat16: Code.BFLOAT16,
};

const TYPES: ReadonlyMap<number, DataType> = new Map(
  (Object.keys(CODES) as DataType[]).map((type) => [CODES[type], type]),
);

/** The number that ONNX gives an element type, as in the `to` of a `Cast`. */
export function elementTypeCode(type: DataType): number {
  return CODES[type];
}

/** The element type with a number of ONNX's, or `undefined` for one that is not a {@link DataType} (strings, complex numbers, float8, int4). */
export function elementTypeOf(code: number): DataType | undefined {
  return TYPES.get(code);
}

/** What ONNX calls an element type, for error messages; its number where it has no name. */
export function elementTypeName(code: number): string {
  return TYPES.get(code) ?? Code[code]?.toLowerCase() ?? `number ${code}`;
}
