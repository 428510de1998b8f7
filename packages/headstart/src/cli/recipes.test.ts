import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { folderWith } from "../../test/support/temporary.js";
import { formatRecipe, parseRecipe, RECIPES } from "../training/index.js";
import { main } from "./main.js";

async function headstart(...args: readonly string[]) {
  const streams = captured();
  const code = await main(args, streams);
  return { code, out: streams.out(), err: streams.err() };
}

test("lists the recipes, a line each", async () => {
  const { code, out, err } = await headstart("recipes");
  expect([code, err]).toEqual([0, ""]);
  expect(out.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^recipe +what trains +augmentation +stages +optimiser$/),
    expect.stringMatching(/^default +the head +none +300@224 +L-BFGS$/),
    expect.stringMatching(/^keras-classic +the head +keras +5@224,15@299 +RMSprop, learning rate 0\.001$/),
    expect.stringMatching(/^fine-tune +every layer +standard +\d+@224 +AdamW, learning rate .+$/),
    expect.stringMatching(
      /^last-stage +the head and the last stage +none +\d+@224 +AdamW, learning rate .+$/,
    ),
  ]);
});

test("lists them as JSON", async () => {
  const { code, out } = await headstart("recipes", "--json");
  expect([code, JSON.parse(out)]).toEqual([0, { recipes: Object.values(RECIPES) }]);
});

describe("show", () => {
  test.each(Object.values(RECIPES))("$name as YAML that is read back, and as JSON", async (recipe) => {
    const { code, out, err } = await headstart("recipes", "show", recipe.name);
    expect([code, err, out]).toEqual([0, "", formatRecipe(recipe)]);
    expect(parseRecipe(out, "my.yaml")).toEqual(recipe);
    for (const args of [
      ["show", recipe.name, "--json"],
      ["--json", "show", recipe.name],
    ])
      expect(JSON.parse((await headstart("recipes", ...args)).out)).toEqual(recipe);
  });

  test("a file of one's own is checked, each thing that is wrong on a line of its own", async () => {
    const folder = folderWith({
      "right.yaml": "base: fine-tune\nmixup: 0.2",
      "wrong.yaml": "base: fine-tune\nbatchSize: 0\nbatchNorms: train",
    });
    const right = await headstart("recipes", "show", join(folder, "right.yaml"));
    expect(right.out).toContain("\nname: right\n");
    expect(right.out).toContain("\nmixup: 0.2\n");
    const wrong = await headstart("recipes", "show", join(folder, "wrong.yaml"));
    expect([wrong.code, wrong.out]).toEqual([2, ""]);
    expect(wrong.err.replaceAll(folder, "").split("\n")).toEqual([
      "error: /wrong.yaml, line 2, column 12: batchSize must be at least 1, not 0.",
      "/wrong.yaml, line 3, column 1: a recipe has no batchNorms; did you mean batchNorm?",
      expect.stringContaining("headstart recipes show default"),
      "",
    ]);
  });

  test.each([
    [["show"], 2, "Missing required argument 'recipe'."],
    [["show", "best"], 2, 'There is no recipe called "best".'],
    [["show", "no/such.yaml"], 1, "There is no recipe no/such.yaml."],
  ])("%j exits with %d", async (args, code, sentence) => {
    const told = await headstart("recipes", ...args);
    expect([told.code, told.out]).toEqual([code, ""]);
    expect(told.err).toContain(`error: ${sentence}\n`);
  });
});
