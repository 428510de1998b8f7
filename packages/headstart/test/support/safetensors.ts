import { readFileSync } from "node:fs";
import type { DataType, Tensor } from "../../src/onnx/index.js";

const TYPES: Readonly<Record<string, DataType>> = {
  F32: "float32",
  F64: "float64",
  I64: "int64",
  U8: "uint8",
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Reads the tensors of a safetensors file of golden data: eight bytes with the length of a JSON header, the header, the elements. */
export function readSafetensors(path: string): Map<string, Tensor> {
  const file = new Uint8Array(readFileSync(path));
  const start = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(file.subarray(8, start)));
  return new Map(
    Object.entries(header as Record<string, Entry>).map(([name, { dtype, shape, data_offsets }]) => {
      const type = TYPES[dtype];
      if (type === undefined)
        throw new Error(`${name} in ${path} is of type ${dtype}, which this reader does not know.`);
      const data = file.subarray(start + data_offsets[0], start + data_offsets[1]);
      return [name, { type, dims: shape, data }];
    }),
  );
}
