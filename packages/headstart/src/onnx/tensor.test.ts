import { describe, expect, test } from "vitest";
import {
  aligned,
  elementBytes,
  elementCount,
  float32,
  floats,
  int64,
  integers,
  isDataType,
  uint8,
} from "./tensor.js";

describe("tensors", () => {
  test("are made of numbers", () => {
    expect(float32([2], [1, -2]).data).toEqual(new Uint8Array([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
    expect(int64([], [-2]).data).toEqual(new Uint8Array([254, 255, 255, 255, 255, 255, 255, 255]));
    expect(uint8([2, 1], [3, 4])).toEqual({ type: "uint8", dims: [2, 1], data: new Uint8Array([3, 4]) });
  });

  test("use a typed array as it is", () => {
    const values = new Float32Array([1, 2]);
    expect(float32([2], values).data.buffer).toBe(values.buffer);
  });

  test("must have as many values as their dimensions make", () => {
    expect(() => float32([2, 2], [1])).toThrow("1 values do not make a float32 tensor of [2, 2].");
  });

  test("give their numbers back, aligned or not", () => {
    const bytes = new Uint8Array(21);
    bytes.set(int64([2], [7, -8]).data, 5);
    expect(integers({ type: "int64", dims: [2], data: bytes.subarray(5) })).toEqual([7, -8]);
    expect([...floats(float32([1], [0.5]))]).toEqual([0.5]);
    expect(integers({ type: "int32", dims: [1], data: new Uint8Array([9, 0, 0, 0]) })).toEqual([9]);
    expect(() => floats(uint8([1], [1]))).toThrow("A float32 tensor was expected, not one of uint8.");
    expect(() => integers(uint8([1], [1]))).toThrow("int32");
  });

  test("stop at the ends of int64", () => {
    expect(new BigInt64Array(int64([2], [2 ** 63, -(2 ** 64)]).data.buffer)).toEqual(
      new BigInt64Array([2n ** 63n - 1n, -(2n ** 63n)]),
    );
  });

  test("have types of known size", () => {
    expect(elementBytes("float16")).toBe(2);
    expect(isDataType("bool")).toBe(true);
    expect(isDataType("string")).toBe(false);
    expect(isDataType("constructor")).toBe(false);
    expect(elementCount([2, 0, 3])).toBe(0);
    expect(elementCount([])).toBe(1);
    expect(aligned(new Uint8Array(8).subarray(4), 8).byteOffset).toBe(0);
  });
});
