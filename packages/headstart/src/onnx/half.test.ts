import { describe, expect, test } from "vitest";
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from "./half.js";

describe("float16", () => {
  test.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ])("%i is %d", (bits, value) => {
    expect(fromHalf(bits)).toBe(value);
    expect(toHalf(value)).toBe(bits);
  });

  test("every pattern survives a round trip", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits);
      if (Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBeNaN();
      else if (toHalf(value) !== bits) expect(toHalf(value)).toBe(bits);
    }
  });

  test("rounds to the nearest, ties to even", () => {
    expect(toHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(toHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(toHalf(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
    expect(toHalf(65519.996)).toBe(0x7bff);
    expect(toHalf(65520)).toBe(0x7c00);
    expect(toHalf(2 ** -25)).toBe(0);
    expect(toHalf(3 * 2 ** -25)).toBe(2);
    expect(toHalf(-(2 ** -14) + 2 ** -26)).toBe(0x8400);
  });
});

describe("bfloat16", () => {
  test("is the upper half of a float32", () => {
    expect(fromBfloat16(0x3fc0)).toBe(1.5);
    expect(toBfloat16(1.5)).toBe(0x3fc0);
    expect(toBfloat16(1 + 2 ** -8)).toBe(0x3f80);
    expect(toBfloat16(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(fromBfloat16(toBfloat16(Number.NaN))).toBeNaN();
    expect(toBfloat16(Number.POSITIVE_INFINITY)).toBe(0x7f80);
  });
});
