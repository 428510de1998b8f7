import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { TINY_DESCRIPTION } from "../../../test/support/tiny-backbone.js";
import { locateFile } from "./file.js";

const PROCESSOR = JSON.stringify({ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], size: 64 });
const CONFIG = JSON.stringify({ id2label: { 0: "cat", 1: "dog" } });
const PREPARED = {
  preprocessing: { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  preparation: "as preprocessor_config.json says",
  imageSize: 64,
};

describe("locateFile", () => {
  test("takes what the description beside it says", async () => {
    const description = { ...TINY_DESCRIPTION, file: "net.keras", licence: "MIT", classes: ["cat", "dog"] };
    const folder = folderWith({ "net.keras": "", "net.json": JSON.stringify(description) });
    const { file: _, ...facts } = description;
    const file = join(folder, "net.keras");
    expect(await locateFile(file)).toEqual({ ...facts, choice: file, file, preparation: "as net.json says" });
  });

  test("otherwise what the hub's files in its folder say", async () => {
    const folder = folderWith({
      "net.onnx": "",
      "preprocessor_config.json": PROCESSOR,
      "config.json": CONFIG,
    });
    const file = join(folder, "net.onnx");
    expect(await locateFile(file)).toEqual({
      choice: file,
      name: "net",
      file,
      ...PREPARED,
      classes: ["cat", "dog"],
    });
  });

  test("of a file in a folder called onnx those in the folder above, as the hub has it", async () => {
    const folder = folderWith({
      "onnx/model.onnx": "",
      "onnx/config.json": CONFIG,
      "preprocessor_config.json": PROCESSOR,
      "other/model.onnx": "",
    });
    expect(await locateFile(join(folder, "onnx", "model.onnx"))).toMatchObject({
      ...PREPARED,
      classes: ["cat", "dog"],
    });
    const other = await locateFile(join(folder, "other", "model.onnx"));
    expect([other.preprocessing, other.classes]).toEqual([undefined, undefined]);
  });

  test("nothing where nothing is written", async () => {
    const file = join(folderWith({ "net.h5": "" }), "net.h5");
    expect(await locateFile(file)).toMatchObject({
      name: "net",
      preprocessing: undefined,
      classes: undefined,
      preparation: expect.stringContaining("preprocessor_config.json"),
    });
  });

  test("makes a path absolute", async () => {
    const folder = folderWith({ "net.onnx": "" });
    const { choice, file } = await locateFile(join(folder, "x", "..", "net.onnx"));
    expect([choice, file]).toEqual([join(folder, "net.onnx"), join(folder, "net.onnx")]);
  });

  test("refuses what is no file, or stands beside a description that is wrong", async () => {
    const folder = folderWith({
      "a.onnx": "",
      "a.json": JSON.stringify({ ...TINY_DESCRIPTION, file: "b.onnx" }),
      "b.onnx": "",
      "config.json": "{",
    });
    mkdirSync(join(folder, "folder.onnx"));
    await expect(locateFile(join(folder, "none.onnx"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(locateFile(join(folder, "folder.onnx"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(locateFile(join(folder, "a.onnx"))).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(/a\.json describes b\.onnx, not a\.onnx/),
    });
    await expect(locateFile(join(folder, "b.onnx"))).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(/config\.json is not JSON/),
    });
  });
});
