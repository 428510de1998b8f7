import { expect, test } from "vitest";
import { elementTypeCode, elementTypeName, elementTypeOf } from "./element-types.js";
import { Names } from "./names.js";
import { isDataType } from "./tensor.js";

test("element types and their numbers", () => {
  expect(elementTypeCode("float32")).toBe(1);
  for (let code = 0; code < 30; code++) {
    const type = elementTypeOf(code);
    if (type !== undefined) expect([isDataType(type), elementTypeCode(type)]).toEqual([true, code]);
  }
  expect(elementTypeOf(8)).toBeUndefined();
  expect([elementTypeName(10), elementTypeName(8), elementTypeName(99)]).toEqual([
    "float16",
    "string",
    "number 99",
  ]);
});

test("names are handed out once", () => {
  const names = new Names(["a", "a_1"]);
  expect([names.unique("a"), names.unique("a"), names.unique("b"), names.unique("b")]).toEqual([
    "a_2",
    "a_3",
    "b",
    "b_1",
  ]);
});
