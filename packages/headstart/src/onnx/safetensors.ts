import { HeadstartError } from "../errors.js";
import { type DataType, elementBytes, elementCount, type Tensor } from "./tensor.js";

const DTYPES: Readonly<Record<DataType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
};
const TYPES = new Map(Object.entries(DTYPES).map(([type, dtype]) => [dtype, type as DataType]));

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
const METADATA = "__metadata__";

/** The longest header that is read, as the format's own reader has it. */
export const MAX_HEADER_BYTES = 100_000_000;

/** What the header of a safetensors file says about one tensor. */
export interface TensorEntry {
  readonly type: DataType;
  readonly dims: readonly number[];
  /** Where its bytes begin, counted from the beginning of the file. */
  readonly start: number;
  /** Where its bytes end, exclusive. */
  readonly end: number;
}

/** The header of a safetensors file. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begins: the header's own length. */
  readonly dataStart: number;
}

/**
 * Tensors as the bytes of a safetensors file (https://github.com/huggingface/safetensors): a length, a JSON header, the data. The same
 * tensors in any order give the same bytes. Larger elements come first, so that each tensor is aligned to its own elements.
 *
 * @param tensors - tensors by name
 * @param metadata - strings that go along
 * @throws HeadstartError `INVALID_RUN` if a tensor's bytes are not what its dimensions make, or a tensor is called `__metadata__`
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(
    ([a, { type: x }], [b, { type: y }]) => elementBytes(y) - elementBytes(x) || (a < b ? -1 : 1),
  );
  const header: Record<string, unknown> = Object.create(null);
  const names = Object.keys(metadata).sort();
  if (names.length > 0) header[METADATA] = Object.fromEntries(names.map((name) => [name, metadata[name]]));
  let position = 0;
  for (const [name, { type, dims, data }] of sorted) {
    if (name === METADATA || data.byteLength !== elementCount(dims) * elementBytes(type))
      throw new HeadstartError(
        "INVALID_RUN",
        `The tensor ${name} cannot be saved: ${data.byteLength} bytes do not make ${type} [${dims.join(", ")}].`,
      );
    // The format allows no gaps, so a tensor of odd length shifts those behind it; sorting by element size keeps each aligned to its own.
    header[name] = { dtype: DTYPES[type], shape: dims, data_offsets: [position, position + data.byteLength] };
    position += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + position);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(json, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const [, { data }] of sorted) {
    file.set(data, at);
    at += data.byteLength;
  }
  return file;
}

/**
 * Reads a safetensors file. Tensors are views into `bytes`, not copies.
 *
 * @throws HeadstartError `INVALID_RUN` if the file is cut off or is not a safetensors file: every length and offset is checked
 */
export function readSafetensors(bytes: Uint8Array<ArrayBuffer>): {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
} {
  const header = readSafetensorsHeader(bytes, bytes.byteLength);
  return {
    tensors: new Map(
      [...header.tensors].map(([name, { type, dims, start, end }]) => [
        name,
        // A plain view, also where the bytes are a Buffer.
        { type, dims, data: new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start) },
      ]),
    ),
    metadata: header.metadata,
  };
}

/**
 * How many bytes of a file its length and header take, from its first 8 bytes.
 *
 * @throws HeadstartError `INVALID_RUN` if that is more than the file has, or more than {@link MAX_HEADER_BYTES}
 */
export function safetensorsHeaderBytes(first: Uint8Array, fileBytes: number): number {
  if (first.byteLength < LENGTH_BYTES) throw damaged("it is too short");
  const length = new DataView(first.buffer, first.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES) || LENGTH_BYTES + Number(length) > fileBytes)
    throw damaged(`its header would take ${length} bytes`);
  return LENGTH_BYTES + Number(length);
}

/**
 * Reads the header of a safetensors file.
 *
 * @param bytes - the beginning of the file, at least {@link safetensorsHeaderBytes} long
 * @param fileBytes - the length of the whole file
 * @throws HeadstartError `INVALID_RUN` as {@link readSafetensors} does
 */
export function readSafetensorsHeader(bytes: Uint8Array, fileBytes: number): SafetensorsHeader {
  const dataStart = safetensorsHeaderBytes(bytes, fileBytes);
  if (dataStart > bytes.byteLength) throw damaged("its header is cut off");
  const header = parseObject(bytes.subarray(LENGTH_BYTES, dataStart));
  const tensors = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = parseMetadata(value);
    else tensors.set(name, parseEntry(name, value, dataStart, fileBytes));
  }
  checkGaps(tensors, dataStart, fileBytes);
  return { tensors, metadata, dataStart };
}

function parseObject(json: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (cause) {
    throw damaged("its header is not JSON", cause);
  }
  if (!isObject(value)) throw damaged("its header is not a JSON object");
  return value;
}

function parseMetadata(value: unknown): Record<string, string> {
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (!entries?.every((entry): entry is [string, string] => typeof entry[1] === "string"))
    throw damaged("its metadata are not strings");
  return Object.fromEntries(entries);
}

function parseEntry(name: string, value: unknown, dataStart: number, fileBytes: number): TensorEntry {
  if (!isObject(value)) throw damaged(`the entry of ${name} is not an object`);
  const type = typeof value.dtype === "string" ? TYPES.get(value.dtype) : undefined;
  if (type === undefined) throw damaged(`the element type of ${name} is unknown`);
  const dims = value.shape;
  const offsets = value.data_offsets;
  if (!isCounts(dims) || !isCounts(offsets) || offsets.length !== 2)
    throw damaged(`the entry of ${name} lacks a shape or offsets`);
  const [from = 0, to = 0] = offsets;
  const bytes = elementCount(dims) * elementBytes(type);
  if (to - from !== bytes) throw damaged(`${name} has ${to - from} bytes, not ${bytes}`);
  if (dataStart + to > fileBytes) throw damaged(`${name} reaches beyond its end`);
  return { type, dims, start: dataStart + from, end: dataStart + to };
}

/** The data must be covered once and without gaps, as the format asks. */
function checkGaps(tensors: ReadonlyMap<string, TensorEntry>, dataStart: number, fileBytes: number): void {
  let position = dataStart;
  for (const { start, end } of [...tensors.values()].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== position) throw damaged("its tensors overlap or leave gaps");
    position = end;
  }
  if (position !== fileBytes) throw damaged(`it has ${fileBytes} bytes, not ${position}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((number) => Number.isSafeInteger(number) && number >= 0);
}

function damaged(what: string, cause?: unknown): HeadstartError {
  return new HeadstartError(
    "INVALID_RUN",
    `The safetensors file is damaged: ${what}.`,
    "It was cut off or changed; make it again.",
    { cause },
  );
}
