import { join } from "node:path";
import { expect, test } from "vitest";
import { kerasFixture } from "../../../test/support/keras-files.js";
import { folderWith } from "../../../test/support/temporary.js";
import { tinyClassifier } from "../../../test/support/tiny-backbone.js";
import { writeModel } from "../../onnx/index.js";
import { isKerasFile } from "./signature.js";

test.each(["keras2.h5", "keras3.h5", "keras3.keras", "keras3.weights.h5"])("%s is one", async (name) => {
  expect(await isKerasFile(kerasFixture(name))).toBe(true);
});

test("an ONNX model, a text and an empty file are none, whatever they are called", async () => {
  const folder = folderWith({ "a.h5": writeModel(tinyClassifier()), "b.keras": "hello", "c.h5": "" });
  for (const name of ["a.h5", "b.keras", "c.h5"]) expect(await isKerasFile(join(folder, name))).toBe(false);
});

test("a file that is not there, or is a folder, is said to be so", async () => {
  const folder = folderWith({});
  await expect(isKerasFile(join(folder, "a.h5"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(isKerasFile(folder)).rejects.toThrow();
});
