import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shared } from "../../test/support/shared.js";
import { HeadstartError } from "../errors.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { elementBytes, elementCount, float32, floats, int64, type Tensor, uint8 } from "./tensor.js";

const TYPES = [
  "float32",
  "float16",
  "bfloat16",
  "float64",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
] as const;

const tensors = fc
  .dictionary(
    fc.string({ unit: "grapheme", maxLength: 8 }).filter((name) => name !== "__metadata__"),
    fc.tuple(fc.constantFrom(...TYPES), fc.array(fc.nat(4), { maxLength: 3 })).chain(([type, dims]) => {
      const length = elementCount(dims) * elementBytes(type);
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((data): Tensor => ({ type, dims, data: Uint8Array.from(data) }));
    }),
    { maxKeys: 5 },
  )
  .map((object) => new Map(Object.entries(object)));

/** A file with the given header in front of `dataBytes` bytes. */
function file(header: unknown, dataBytes = 0, length?: bigint): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

describe("safetensors", () => {
  test("what is written is read back, whatever the order, and the bytes are the same", () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), (given, metadata) => {
        const bytes = writeSafetensors(given, metadata);
        const read = readSafetensors(bytes);
        expect(new Map([...read.tensors].sort())).toEqual(new Map([...given].sort()));
        expect(read.metadata).toEqual(metadata);
        expect(
          writeSafetensors(
            new Map([...given].reverse()),
            Object.fromEntries(Object.entries(metadata).reverse()),
          ),
        ).toEqual(bytes);
        for (const { type, data } of read.tensors.values()) {
          expect(data.buffer).toBe(bytes.buffer);
          expect(data.byteOffset % elementBytes(type)).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("any change of one byte in the header, and any cut, is an error or a valid file, never anything else", () => {
    const bytes = writeSafetensors(
      new Map([
        ["weight", float32([2, 2], [1, 2, 3, 4])],
        ["step", int64([], [7])],
        ["mask", uint8([3], [1, 0, 1])],
      ]),
      { a: "b" },
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const changed = cut ? bytes.slice(0, at) : bytes.slice();
        if (!cut) changed[at] = value;
        try {
          readSafetensors(changed);
          expect(cut).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(HeadstartError);
          expect(error).toMatchObject({ code: "INVALID_RUN" });
        }
      }),
      { numRuns: 500 },
    );
  });

  const entry = (dtype: string, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });
  test.each<[string, Uint8Array<ArrayBuffer>, RegExp]>([
    ["an empty file", new Uint8Array(0), /too short/],
    ["a header of 2^64 - 1 bytes", file("{}", 0, 2n ** 64n - 1n), /18446744073709551615/],
    ["a header longer than the file", file("{}", 0, 3n), /3 bytes/],
    ["a header that is no JSON", file("{"), /not JSON/],
    ["a header that is no object", file("[]"), /not a JSON object/],
    ["a header that is not UTF-8", file("{}").fill(0xff, 8), /not JSON/],
    ["an unknown type", file({ a: entry("F3", [1], [0, 4]) }, 4), /element type of a/],
    ["negative dimensions", file({ a: entry("F32", [-1, -1], [0, 4]) }, 4), /lacks a shape/],
    ["dimensions that overflow", file({ a: entry("F32", [2 ** 40, 2 ** 40], [0, 4]) }, 4), /has 4 bytes/],
    ["fractions", file({ a: entry("F32", [1], [0.5, 4.5]) }, 5), /lacks a shape/],
    ["offsets the wrong way", file({ a: entry("F32", [1], [4, 0]) }, 4), /has -4 bytes/],
    ["offsets beyond the end", file({ a: entry("F32", [1], [4, 8]) }, 4), /beyond its end/],
    ["overlap", file({ a: entry("U8", [4], [0, 4]), b: entry("U8", [4], [2, 6]) }, 6), /overlap/],
    ["a gap", file({ a: entry("U8", [1], [0, 1]), b: entry("U8", [1], [2, 3]) }, 3), /gaps/],
    ["bytes behind the last tensor", file({ a: entry("U8", [1], [0, 1]) }, 2), /not/],
    ["metadata that are no strings", file({ __metadata__: { a: 1 } }), /not strings/],
    ["an entry that is no object", file({ a: 3 }), /not an object/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  test("a name such as __proto__ is only a name", () => {
    const read = readSafetensors(writeSafetensors(new Map([["__proto__", uint8([1], [5])]])));
    expect(read.tensors.get("__proto__")?.data).toEqual(Uint8Array.of(5));
    expect(Object.prototype).not.toHaveProperty("dtype");
  });

  test("a tensor whose bytes do not fit its shape cannot be written", () => {
    expect(() =>
      writeSafetensors(new Map([["a", { type: "float32", dims: [3], data: new Uint8Array(8) }]])),
    ).toThrow(/8 bytes/);
  });

  const golden = shared("golden/keras/affine.safetensors");
  test.skipIf(!golden)("reads a file that other software wrote (needs ../shared)", async () => {
    const { tensors: read } = readSafetensors(Uint8Array.from(await readFile(golden ?? "")));
    expect(read.size).toBeGreaterThan(0);
    for (const tensor of read.values())
      if (tensor.type === "float32") expect(floats(tensor).every(Number.isFinite)).toBe(true);
  });
});
