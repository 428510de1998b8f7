import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_DESCRIPTION } from "../../test/support/tiny-backbone.js";
import { parsedJson, readDescription } from "./description.js";

/** Reads a description, with other files beside it. */
async function read(description: object | string, beside: Readonly<Record<string, string>> = {}) {
  const text = typeof description === "string" ? description : JSON.stringify(description);
  return await readDescription(join(folderWith({ "tiny.json": text, ...beside }), "tiny.json"));
}

describe("readDescription", () => {
  test("reads what must be said, and leaves the rest open", async () => {
    expect(await read(TINY_DESCRIPTION)).toEqual({ ...TINY_DESCRIPTION, classes: undefined });
  });

  test("reads all that may be said, and passes over what it does not know", async () => {
    const all = {
      ...TINY_DESCRIPTION,
      sha256: "0".repeat(64),
      licence: "MIT",
      source: "https://example.org",
      top1: 70.5,
      parameters: 469,
      features: 8,
      classes: ["cat", "dog"],
    };
    expect(await read({ ...all, note: "mine" })).toEqual(all);
  });

  test.each(["tiny.h5", "tiny.hdf5", "tiny.keras"])("describes %s too", async (file) => {
    expect(await read({ ...TINY_DESCRIPTION, file })).toMatchObject({ file });
  });

  test.each([
    ["names", ["cat", "dog"]],
    ["objects that have a name", [{ id: "n02123045", name: "cat" }, { name: "dog" }]],
    ["both", ["cat", { name: "dog" }]],
  ])("takes classes as %s, in it or in a file beside it", async (_, classes) => {
    const expected = { classes: ["cat", "dog"] };
    expect(await read({ ...TINY_DESCRIPTION, classes })).toMatchObject(expected);
    const beside = { "classes.json": JSON.stringify(classes) };
    expect(await read({ ...TINY_DESCRIPTION, classes: "classes.json" }, beside)).toMatchObject(expected);
  });

  test.each([
    ["no JSON", "{", {}, /tiny\.json is not JSON/],
    ["no object", "[]", {}, /tiny\.json is wrong/],
    ["no preprocessing", { ...TINY_DESCRIPTION, preprocessing: undefined }, {}, /preprocessing/],
    ["a file elsewhere", { ...TINY_DESCRIPTION, file: "../tiny.onnx" }, {}, /in the same folder/],
    ["a file of another kind", { ...TINY_DESCRIPTION, file: "tiny.pt" }, {}, /file/],
    ["classes elsewhere", { ...TINY_DESCRIPTION, classes: "../classes.json" }, {}, /in the same folder/],
    [
      "classes that are no JSON",
      { ...TINY_DESCRIPTION, classes: "classes.json" },
      { "classes.json": "cat\ndog\n" },
      /classes\.json is not JSON/,
    ],
    [
      "classes that are no names",
      { ...TINY_DESCRIPTION, classes: "classes.json" },
      { "classes.json": '["cat", 3]' },
      /classes\.json is wrong/,
    ],
  ])("refuses %s", async (_, description, beside, message) => {
    await expect(read(description, beside)).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(message),
    });
  });

  test("says which file is missing", async () => {
    await expect(readDescription(join(folderWith({}), "none.json"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("none.json"),
    });
    await expect(read({ ...TINY_DESCRIPTION, classes: "classes.json" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("classes.json"),
    });
  });
});

test("parsedJson names the file that is no JSON", () => {
  expect(parsedJson('{"a":[1]}', "a.json")).toEqual({ a: [1] });
  expect(() => parsedJson("", "b.json")).toThrow("b.json is not JSON.");
});
