import { expect, test } from "vitest";
import { nearNames } from "./near-names.js";

const names = ["/head/Gemm_output_0", "/head/fc/Gemm_output_0", "features", "logits", "Features_1", "x"];

test.each([
  ["feature", ["features", "Features_1"]],
  ["FEATURES", ["features", "Features_1"]],
  ["logist", ["logits"]],
  ["/head/Gemm_output", ["/head/Gemm_output_0", "/head/fc/Gemm_output_0"]],
  ["something else", []],
  ["", ["x"]],
])("near %s", (wanted, expected) => {
  expect(nearNames(wanted, names)).toEqual(expected);
});

test("gives no more than asked for, and does not compare without end", () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `value${i}`);
  expect(nearNames("value", many)).toHaveLength(3);
  expect(nearNames("v".repeat(100_000), many)).toEqual([]);
});
