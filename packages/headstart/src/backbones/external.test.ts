import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { HeadstartError } from "../errors.js";
import { externalReader } from "./external.js";

const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);

test("reads a part of a file beside the model or in a folder below", () => {
  const folder = folderWith({ "a.onnx": "", weights: bytes, "more/weights": bytes });
  const read = externalReader(join(folder, "a.onnx"));
  expect(Array.from(read("weights", 2, 3))).toEqual([2, 3, 4]);
  expect(Array.from(read("more/weights", 0, 10))).toEqual(Array.from(bytes));
  expect(read("weights", 10, 0)).toHaveLength(0);
});

test("refuses what is missing, too short or outside the folder, even by a link", () => {
  const folder = folderWith({ "model/a.onnx": "", "model/weights": bytes, secret: bytes });
  symlinkSync("../secret", join(folder, "model/link"));
  const read = externalReader(join(folder, "model/a.onnx"));
  expect(() => read("absent", 0, 1)).toThrow(/a\.onnx keeps weights in absent, which is not there/);
  expect(() => read("weights", 5, 6)).toThrow(/which is too short/);
  for (const outside of ["../secret", "link"])
    expect(() => read(outside, 0, 1)).toThrow(/which is outside its folder/);
  expect(() => read("absent", 0, 1)).toThrow(HeadstartError);
});
