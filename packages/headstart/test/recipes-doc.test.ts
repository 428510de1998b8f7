import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { withTables } from "../../../scripts/recipes-doc.js";
import * as training from "../src/training/index.js";

const page = readFileSync(fileURLToPath(new URL("../../../docs/recipes.md", import.meta.url)), "utf8");

test("docs/recipes.md has the recipes and fields as they are; otherwise run npm run docs:recipes", () => {
  expect(withTables(page, training)).toBe(page);
});

test("it names every recipe in a heading", () => {
  for (const name of Object.keys(training.RECIPES)) expect(page).toContain(`\n## \`${name}\`\n`);
});

describe("every recipe that it shows can be used", () => {
  const shown = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  test("there are some", () => expect(shown.length).toBeGreaterThan(0));
  test.each(shown)("%s", (text) => {
    const recipe = training.parseRecipe(text, "my.yaml");
    expect(training.resolveRecipe(recipe)).toEqual(recipe);
    expect(training.parseRecipe(training.formatRecipe(recipe), "other.yaml")).toEqual(recipe);
  });
});

test("the mistake that it shows is told so", () => {
  const shown = /^ {4}(my\.yaml, line 3, .*)$/m.exec(page)?.[1];
  expect(shown).toBeDefined();
  expect(() => training.parseRecipe("base: fine-tune\n\nbatchSize: 0\n", "my.yaml")).toThrow(shown);
});
