import { type DescMessage, fromBinary, ScalarType } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema } from "onnx-buf";
import { HeadstartError } from "../errors.js";

/** Messages may stand in each other this deep; a model with subgraphs in subgraphs needs about thirty. */
const DEEPEST = 90;

/** What decoding may take beyond a multiple of the file's own size. */
const MEMORY_ALLOWANCE = 256 * 2 ** 20;

/** What a decoded message, an unknown field, an entry of a list and a 64-bit integer take at most, in bytes. */
const MESSAGE_BYTES = 500;
const UNKNOWN_BYTES = 250;
const ENTRY_BYTES = 100;
const INT64_BYTES = 32;
const NUMBER_BYTES = 16;

/**
 * Decodes the protobuf message that an ONNX file is. Before anything is allocated the bytes are walked through once: lengths, wire
 * types, nesting and the memory that the messages would take are checked, so that a hostile file can do no harm.
 *
 * @param bytes - the file; byte fields of the result are views into it
 * @throws HeadstartError `INVALID_MODEL` if the bytes are no ONNX model
 */
export function decodeModel(bytes: Uint8Array<ArrayBuffer>): ModelProto {
  if (bytes.byteLength === 0) throw notModel("it is empty");
  const other = otherFormat(bytes);
  if (other !== undefined) throw notModel(`it looks like ${other}`);
  new WireCheck(bytes).message(ModelProtoSchema, bytes.byteLength, 0);
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw notModel("its contents cannot be decoded", cause);
  }
}

function notModel(why: string, cause?: unknown): HeadstartError {
  return new HeadstartError(
    "INVALID_MODEL",
    `The file is not an ONNX model: ${why}.`,
    "Check that it is the .onnx file itself and that its download was complete.",
    { cause },
  );
}

/** What kind of file the first bytes announce, for kinds that are mistaken for a model. */
function otherFormat(bytes: Uint8Array): string | undefined {
  const start = Array.from(bytes.subarray(0, 64), (byte) => String.fromCharCode(byte)).join("");
  if (start.startsWith("\xff\xd8\xff")) return "a JPEG photo";
  if (start.startsWith("\x89PNG")) return "a PNG picture";
  if (start.startsWith("GIF8")) return "a GIF picture";
  if (start.startsWith("%PDF")) return "a PDF document";
  if (start.startsWith("PK\x03\x04")) return "a zip archive, such as a PyTorch checkpoint or a Keras model";
  if (start.startsWith("\x1f\x8b")) return "a gzip archive";
  if (start.startsWith("\x89HDF")) return "an HDF5 file, such as Keras weights";
  if (start.startsWith("version https://git-lfs"))
    return "a Git LFS pointer, which stands for the file that was not fetched";
  if (/^\s*(\xef\xbb\xbf)?<(!doctype|html|\?xml|svg)/i.test(start)) return "a web page";
  if (/^\s*\{\s*"/.test(start)) return "JSON";
  return undefined;
}

/** Walks through the wire format of a message without building anything. */
class WireCheck {
  readonly #bytes: Uint8Array;
  readonly #allowance: number;
  #position = 0;
  #memory = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#allowance = MEMORY_ALLOWANCE + 8 * bytes.byteLength;
  }

  message(schema: DescMessage, end: number, depth: number): void {
    if (depth > DEEPEST) throw notModel(`its messages are nested more than ${DEEPEST} deep`);
    this.#take(MESSAGE_BYTES);
    const fields = fieldsOf(schema);
    while (this.#position < end) {
      const tag = this.#varint(end);
      const wireType = tag % 8;
      const field = fields.get(Math.floor(tag / 8));
      if (tag < 8 || tag > 0xffffffff) throw this.#broken("a field has no valid number");
      if (field === undefined) {
        this.#take(UNKNOWN_BYTES);
        this.#skip(wireType, end);
      } else if (field.message !== undefined) {
        if (wireType !== 2) throw this.#wrongType(schema, field);
        this.message(field.message, this.#length(end), depth + 1);
      } else if (wireType === 2 && (field.wireType === 2 || field.list)) {
        const stop = this.#length(end);
        if (field.wireType === 2) {
          this.#take(field.list ? ENTRY_BYTES : stop - this.#position > 64 ? 0 : 64);
          this.#position = stop;
        } else this.#packed(field, stop);
      } else if (wireType === field.wireType) {
        if (field.list) this.#take(field.bytes);
        this.#skip(wireType, end);
      } else throw this.#wrongType(schema, field);
    }
  }

  #packed(field: Field, end: number): void {
    if (field.wireType === 0) {
      while (this.#position < end) {
        this.#skip(0, end);
        this.#take(field.bytes);
      }
      return;
    }
    const size = field.wireType === 1 ? 8 : 4;
    if ((end - this.#position) % size !== 0)
      throw this.#broken(`the list ${field.name} ends within a number`);
    this.#take(((end - this.#position) / size) * field.bytes);
    this.#position = end;
  }

  #skip(wireType: number, end: number): void {
    if (wireType === 0) {
      const limit = Math.min(end, this.#position + 10);
      while ((this.#at(limit) & 0x80) !== 0);
    } else if (wireType === 2) this.#position = this.#length(end);
    else if (wireType === 1 || wireType === 5) {
      this.#position += wireType === 1 ? 8 : 4;
      if (this.#position > end) throw this.#broken("it ends within a number");
    } else throw this.#broken(`a field has the wire type ${wireType}`);
  }

  /** Reads the length of a message, string or list and returns where it ends. */
  #length(end: number): number {
    const length = this.#varint(end);
    if (length > end - this.#position)
      throw this.#broken(`a part of ${length} bytes is announced where ${end - this.#position} are left`);
    return this.#position + length;
  }

  #varint(end: number): number {
    let value = 0;
    let scale = 1;
    const limit = Math.min(end, this.#position + 5);
    for (;;) {
      const byte = this.#at(limit);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  #at(end: number): number {
    const byte = this.#position < end ? this.#bytes[this.#position] : undefined;
    if (byte === undefined) throw this.#broken("a number in it does not end");
    this.#position++;
    return byte;
  }

  #take(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.#allowance)
      throw notModel(
        `its ${this.#bytes.byteLength} bytes would take far more memory than any real model of that size`,
      );
  }

  #broken(why: string): HeadstartError {
    return notModel(`${why} (at byte ${this.#position} of ${this.#bytes.byteLength})`);
  }

  #wrongType(schema: DescMessage, field: Field): HeadstartError {
    return this.#broken(`the field ${field.name} of a ${schema.name} has the wrong type`);
  }
}

interface Field {
  readonly name: string;
  readonly list: boolean;
  readonly wireType: number;
  /** Memory for one entry of a list. */
  readonly bytes: number;
  readonly message: DescMessage | undefined;
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, Field>>();

function fieldsOf(schema: DescMessage): ReadonlyMap<number, Field> {
  let fields = known.get(schema);
  if (fields === undefined) {
    fields = new Map(
      schema.fields.map((field) => {
        const scalar = field.scalar;
        const wireType =
          scalar === ScalarType.FLOAT
            ? 5
            : scalar === ScalarType.DOUBLE
              ? 1
              : scalar === ScalarType.STRING || scalar === ScalarType.BYTES || field.message !== undefined
                ? 2
                : 0;
        const bytes =
          wireType === 2
            ? ENTRY_BYTES
            : scalar === ScalarType.INT64 || scalar === ScalarType.UINT64
              ? INT64_BYTES
              : NUMBER_BYTES;
        return [
          field.number,
          { name: field.name, list: field.fieldKind === "list", wireType, bytes, message: field.message },
        ];
      }),
    );
    known.set(schema, fields);
  }
  return fields;
}
