import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { loadRecipe, recipeOf } from "./recipe-file.js";
import { formatRecipe } from "./recipe-yaml.js";
import { RECIPES } from "./recipes.js";

describe("loadRecipe", () => {
  test("by name", async () => {
    for (const [name, recipe] of Object.entries(RECIPES)) expect(await loadRecipe(name)).toEqual(recipe);
  });

  test.each(["my.yaml", "my.YML", "my.json", "recipe"])("from a file %s", async (name) => {
    const content = `\ufeff${formatRecipe(RECIPES["fine-tune"])}`;
    const folder = folderWith({ [name]: content });
    expect(await loadRecipe(join(folder, name))).toEqual(RECIPES["fine-tune"]);
  });

  test("the name of a file is that of a recipe that has none", async () => {
    const folder = folderWith({ "short.yaml": "base: keras-classic\nstages: 1@64" });
    expect((await loadRecipe(join(folder, "short.yaml"))).name).toBe("short");
  });

  test.each([
    ["fine-tun", "INVALID_OPTION", 'There is no recipe called "fine-tun".'],
    ["no/such.yaml", "NOT_FOUND", "There is no recipe no/such.yaml."],
    ["such.yaml", "NOT_FOUND", "There is no recipe such.yaml."],
  ])("%s is %s", async (choice, code, message) => {
    await expect(loadRecipe(choice)).rejects.toMatchObject({ code, message });
  });

  test("what is no recipe is a sentence", async () => {
    const folder = folderWith({
      "long.yaml": "#".repeat(70_000),
      "binary.yaml": Uint8Array.of(0xff, 0xfe, 0),
      "wrong.yaml": "base: fine-tune\n\nbatchSize: 0\n",
    });
    const message = async (path: string) =>
      await loadRecipe(path).then(
        () => "",
        (error: Error) => error.message.replace(folder, ""),
      );
    expect(await message(join(folder, "long.yaml"))).toBe("/long.yaml: a recipe takes at most 64 KB.");
    expect(await message(join(folder, "binary.yaml"))).toBe("/binary.yaml is not text in UTF-8.");
    expect(await message(join(folder, "wrong.yaml"))).toBe(
      "/wrong.yaml, line 3, column 12: batchSize must be at least 1, not 0.",
    );
    expect(await message(`${folder}/`)).toBe("/ is a folder, not a recipe.");
  });
});

test("recipeOf takes a name, a file, a recipe or nothing, and overrides", async () => {
  const folder = folderWith({ "my.yaml": "base: fine-tune\nmixup: 0.2" });
  const own = await recipeOf(join(folder, "my.yaml"), { batchSize: 8 });
  expect(own).toEqual({ ...RECIPES["fine-tune"], name: "my", mixup: 0.2, batchSize: 8 });
  expect(await recipeOf(own, { mixup: 0 })).toEqual({ ...own, mixup: 0 });
  expect(await recipeOf(undefined, { fineTune: "all" })).toEqual(RECIPES["fine-tune"]);
  expect(await recipeOf("default", {})).toEqual(RECIPES.default);
  await expect(recipeOf("default", { fineTune: "all" })).rejects.toMatchObject({ code: "INVALID_OPTION" });
});
