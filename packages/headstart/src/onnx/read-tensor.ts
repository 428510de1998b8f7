import { isFieldSet } from "@bufbuild/protobuf";
import { TensorProto_DataLocation as Location, type TensorProto, TensorProtoSchema } from "onnx-buf";
import { HeadstartError } from "../errors.js";
import { elementTypeName, elementTypeOf } from "./element-types.js";
import { type DataType, elementBytes, type Tensor } from "./tensor.js";

/**
 * Gives the bytes of a tensor that an ONNX file keeps in another file.
 *
 * @param location - that file's path, relative to the folder of the ONNX file; absolute paths and `..` never come here
 * @param offset - where the tensor begins, in bytes
 * @param length - how many bytes it takes
 */
export type ExternalData = (location: string, offset: number, length: number) => Uint8Array;

/** More dimensions than any real tensor has. */
const HIGHEST_RANK = 64;

/**
 * The tensor that a message of an ONNX file holds. `raw_data` becomes a view, not a copy.
 *
 * @param message - the message
 * @param name - what to call it in errors
 * @param external - reads tensors that are kept in other files
 * @returns the tensor, or `undefined` if its element type is not a {@link DataType}
 * @throws HeadstartError `INVALID_MODEL` if its data do not fit its dimensions, or cannot be had
 */
export function readTensor(
  message: TensorProto,
  name: string,
  external: ExternalData | undefined,
): Tensor | undefined {
  const type = elementTypeOf(message.dataType);
  if (message.segment !== undefined)
    throw new HeadstartError("UNSUPPORTED", `The tensor ${name} is stored in segments, which are not read.`);
  if (type === undefined) {
    if (message.dataLocation === Location.EXTERNAL)
      throw new HeadstartError(
        "UNSUPPORTED",
        `The tensor ${name} is kept in another file and has the element type ${elementTypeName(message.dataType)}, which is not read.`,
      );
    return undefined;
  }
  const dims = readDims(message.dims, name);
  const bytes = byteCount(dims, type, name);
  const data =
    message.dataLocation === Location.EXTERNAL
      ? externalBytes(message, name, bytes, external)
      : isFieldSet(message, TensorProtoSchema.field.rawData) && message.rawData.byteLength > 0
        ? plain(message.rawData)
        : listedBytes(message, type, name, bytes);
  if (data.byteLength !== bytes)
    throw invalid(
      `The tensor ${name} of ${type} [${dims.join(", ")}] takes ${bytes} bytes, but ${data.byteLength} are given.`,
    );
  return { type, dims, data };
}

/** Dimensions of a tensor as numbers. */
function readDims(dims: readonly bigint[], name: string): number[] {
  if (dims.length > HIGHEST_RANK)
    throw invalid(`The tensor ${name} has ${dims.length} dimensions, more than ${HIGHEST_RANK}.`);
  return dims.map((dim) => {
    if (dim < 0n) throw invalid(`The tensor ${name} has the negative dimension ${dim}.`);
    if (dim > Number.MAX_SAFE_INTEGER)
      throw invalid(`The tensor ${name} has the impossible dimension ${dim}.`);
    return Number(dim);
  });
}

function byteCount(dims: readonly number[], type: DataType, name: string): number {
  if (dims.includes(0)) return 0;
  const bytes = dims.reduce((product, dim) => product * dim, elementBytes(type));
  if (!Number.isSafeInteger(bytes))
    throw invalid(`The tensor ${name} of [${dims.join(", ")}] has more elements than can be counted.`);
  return bytes;
}

function externalBytes(
  message: TensorProto,
  name: string,
  bytes: number,
  external: ExternalData | undefined,
): Uint8Array<ArrayBuffer> {
  const entries = new Map(message.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (!isInside(location))
    throw invalid(`The tensor ${name} is kept in "${location}", which is no path inside the model's folder.`);
  const offset = readCount(entries.get("offset") ?? "0", name, "offset");
  const length = entries.get("length");
  if (length !== undefined && readCount(length, name, "length") !== bytes)
    throw invalid(
      `The tensor ${name} takes ${bytes} bytes, but its file ${location} is said to hold ${length}.`,
    );
  if (external === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The tensor ${name} is kept in another file, ${location}, which was not given.`,
      "Keep that file beside the model, or save the model as a single file.",
    );
  if (bytes === 0) return new Uint8Array(0);
  try {
    return plain(external(location, offset, bytes));
  } catch (cause) {
    if (cause instanceof HeadstartError) throw cause;
    throw new HeadstartError(
      "INVALID_MODEL",
      `The tensor ${name} cannot be read from ${location}.`,
      "Keep that file beside the model.",
      { cause },
    );
  }
}

/** Whether a path stays within the folder it starts from, on any system. */
function isInside(location: string): boolean {
  if (location === "" || location.includes("\0") || /^[/\\]|^[a-z][a-z0-9+.-]*:/i.test(location))
    return false;
  return !location.split(/[/\\]/).includes("..");
}

function readCount(text: string, name: string, what: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw invalid(`The tensor ${name} has the ${what} "${text}", which is no count.`);
  return value;
}

/** Bytes from the lists of numbers that stand in place of `raw_data`, one for each element. */
function listedBytes(
  message: TensorProto,
  type: DataType,
  name: string,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const count = bytes / elementBytes(type);
  const check = <T extends { readonly length: number }>(list: T): T => {
    if (list.length !== count)
      throw invalid(
        `The tensor ${name} of ${type} has ${count} elements by its dimensions, but ${list.length} are given.`,
      );
    return list;
  };
  const array = (() => {
    switch (type) {
      case "float32":
        return Float32Array.from(check(message.floatData));
      case "float64":
        return Float64Array.from(check(message.doubleData));
      case "int64":
        return BigInt64Array.from(check(message.int64Data));
      case "uint64":
        return BigUint64Array.from(check(message.uint64Data));
      case "uint32":
        return Uint32Array.from(check(message.uint64Data), Number);
      case "int32":
        return Int32Array.from(check(message.int32Data));
      case "int16":
      case "uint16":
      case "float16":
      case "bfloat16":
        return Uint16Array.from(check(message.int32Data));
      case "int8":
      case "uint8":
      case "bool":
        return Uint8Array.from(check(message.int32Data));
    }
  })();
  return new Uint8Array(array.buffer);
}

/** A plain view of the same bytes, for a `Buffer` too; a copy only if they are shared between threads. */
function plain(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = data;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function invalid(sentence: string): HeadstartError {
  return new HeadstartError("INVALID_MODEL", sentence);
}
