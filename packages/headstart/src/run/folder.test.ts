import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { RECIPES } from "../training/index.js";
import {
  createRunFolder,
  parseJson,
  type RunChoices,
  readChoices,
  removeHalfWritten,
  writeChoices,
} from "./folder.js";

const choices: RunChoices = {
  version: "1.2.3",
  photos: "/photos",
  recipe: RECIPES["keras-classic"],
  backbone: "efficientnet-lite0",
  network: { mean: [1, 2, 3], std: [4, 5, 6], channels: "BGR" },
  backboneSha256: "ab",
  precision: "auto",
  seed: -3,
  split: [0.7, 0.15, 0.15],
  device: "cpu",
  threads: 2,
};

describe("createRunFolder", () => {
  test("numbers runs after the largest number; other entries do not count", async () => {
    const out = join(folderWith({}), "a", "runs");
    expect((await createRunFolder(out, undefined)).folder).toBe(join(out, "1"));
    for (const name of ["7", "best", "9x", "0012"]) mkdirSync(join(out, name));
    writeFileSync(join(out, "20"), "a file has the number too");
    expect((await createRunFolder(out, undefined)).folder).toBe(join(out, "21"));
  });

  test("gives every process a number of its own", async () => {
    const out = folderWith({});
    const runs = await Promise.all(Array.from({ length: 8 }, () => createRunFolder(out, undefined)));
    expect(new Set(runs.map(({ folder }) => folder)).size).toBe(8);
    expect(readdirSync(out)).toHaveLength(8);
  });

  test("a name may stand once", async () => {
    const out = folderWith({});
    await createRunFolder(out, "one");
    await expect(createRunFolder(out, "one")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `There is a run ${join(out, "one")} already.`,
    });
  });

  test("discard takes away what was made, and nothing else", async () => {
    const parent = folderWith({ "kept/file": "" });
    const deep = await createRunFolder(join(parent, "a", "b"), undefined);
    writeFileSync(join(deep.folder, "recipe.json"), "{}");
    await deep.discard();
    expect(readdirSync(parent)).toEqual(["kept"]);
    const beside = await createRunFolder(join(parent, "kept"), "x");
    await beside.discard();
    expect(readdirSync(join(parent, "kept"))).toEqual(["file"]);
    // Another run has begun in the folder meanwhile.
    const first = await createRunFolder(join(parent, "c"), undefined);
    const second = await createRunFolder(join(parent, "c"), undefined);
    await first.discard();
    expect(existsSync(second.folder)).toBe(true);
    await second.discard();
    expect(existsSync(join(parent, "c"))).toBe(true);
  });
});

describe("recipe.json", () => {
  test.each(Object.values(RECIPES))("is read as it was written: $name", async (recipe) => {
    const folder = folderWith({});
    await writeChoices(folder, { ...choices, recipe });
    expect(await readChoices(folder)).toEqual({ ...choices, recipe });
    expect(readdirSync(folder)).toEqual(["recipe.json"]);
  });

  test.each([
    ["", "nothing"],
    ["null", "no object"],
    ["{", "half an object"],
    [JSON.stringify({ ...choices, seed: "1" }), "a seed that is text"],
    [JSON.stringify({ ...choices, recipe: { ...choices.recipe, batchSize: 0 } }), "a recipe out of range"],
    [JSON.stringify({ ...choices, threads: 0 }), "no threads"],
  ])("that is damaged is refused: %s", async (text) => {
    const folder = folderWith({ "recipe.json": text });
    await expect(readChoices(folder)).rejects.toMatchObject({
      code: "INVALID_RUN",
      message: `${join(folder, "recipe.json")} is damaged.`,
    });
  });

  test("that may not be read is no missing one", async () => {
    const folder = folderWith({ "recipe.json/file": "" });
    await expect(readChoices(folder)).rejects.toMatchObject({ code: "EISDIR" });
  });
});

test("removeHalfWritten removes temporary files only", async () => {
  const folder = folderWith({ "model.onnx": "x", "model.onnx.12-ab.tmp": "y", "grid.png.tmp": "" });
  await removeHalfWritten(folder);
  expect(readdirSync(folder)).toEqual(["model.onnx"]);
  expect(readFileSync(join(folder, "model.onnx"), "utf8")).toBe("x");
});

test("parseJson", () => {
  expect(parseJson('{"a":[1]}')).toEqual({ a: [1] });
  expect(parseJson("{a}")).toBeUndefined();
});
