import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recipes } from "../../test/support/recipes.js";
import { AUGMENTATIONS } from "../data/augmentation.js";
import { RECIPE_FIELDS } from "./recipe-fields.js";
import { parseRecipe } from "./recipe-parse.js";
import { augmentationName, formatRecipe } from "./recipe-yaml.js";
import { RECIPES } from "./recipes.js";

describe("formatRecipe", () => {
  test("parseRecipe reads any recipe back as it was", () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        expect(parseRecipe(formatRecipe(recipe), "other.yaml")).toEqual(recipe);
      }),
      { numRuns: 300 },
    );
  });

  test("every field stands there with a comment, in lines that fit", () => {
    const text = formatRecipe(RECIPES["fine-tune"]);
    for (const [key, { allowed }] of Object.entries(RECIPE_FIELDS)) {
      expect(text).toMatch(new RegExp(`^# .*\\n${key}:`, "m"));
      expect(text.replaceAll("\n# ", " ")).toContain(`It may be ${allowed}.`);
    }
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(120);
    expect(text).toContain("\n# This is standard.\naugmentation:\n  rotation: 10 # ");
    expect(text).toContain("\nstages: 8@224\n");
    expect(text).toContain("\nviews: none\n");
  });

  test("nothing in it steers a terminal, or reads as something else", () => {
    const odd = { ...RECIPES.default, name: "a\u001b[2J\u202e\nstages: 1@8", fineTune: "head" };
    const text = formatRecipe(odd);
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(parseRecipe(text, "x.yaml")).toEqual(odd);
  });
});

test("an augmentation has the name that it has in AUGMENTATIONS, and no other", () => {
  for (const [name, augmentation] of Object.entries(AUGMENTATIONS))
    expect(augmentationName(augmentation)).toBe(name);
  expect(augmentationName({ ...AUGMENTATIONS.standard, rotation: 11 })).toBeUndefined();
});
