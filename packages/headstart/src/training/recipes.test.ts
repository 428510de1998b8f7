import { expect, test } from "vitest";
import { recipeSchema } from "./recipe.js";
import { resolveRecipe } from "./recipe-choice.js";
import { RECIPES } from "./recipes.js";

test.each(Object.entries(RECIPES))("%s is valid, carries its name, and survives JSON", (name, recipe) => {
  expect(recipe.name).toBe(name);
  expect(resolveRecipe(recipe)).toEqual(recipe);
  expect(recipeSchema.parse(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
});

test("last-stage is fine-tune without augmentation, so that activations can be stored", () => {
  const { name, fineTune, augmentation, stages, ...rest } = RECIPES["last-stage"];
  expect(RECIPES["fine-tune"]).toMatchObject(rest);
  expect([name, fineTune, augmentation]).toEqual(["last-stage", "last-stage", null]);
});
