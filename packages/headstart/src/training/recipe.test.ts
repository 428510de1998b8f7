import { describe, expect, test } from "vitest";
import { recipeSchema } from "./recipe.js";
import { RECIPE_DEFAULTS, RECIPES } from "./recipes.js";

describe("recipeSchema", () => {
  test("a recipe that was written before there was fine-tuning trains the head", () => {
    const { fineTune, layerDecay, batchNorm, mixup, cutmix, ema, clipNorm, accumulate, views, ...rest } =
      RECIPES["keras-classic"];
    const { checkpointActivations, monitor, ...older } = rest;
    expect(recipeSchema.parse(older)).toEqual(RECIPES["keras-classic"]);
  });

  test("its defaults are those of a recipe that leaves fields out", () => {
    const { stages, optimiser, ...given } = RECIPES.default;
    const known = { ...given, ...RECIPE_DEFAULTS, stages, optimiser };
    expect(recipeSchema.parse(known)).toEqual(known);
  });

  test("an unknown property is an error", () => {
    expect(recipeSchema.safeParse({ ...RECIPES.default, droput: 0.2 }).success).toBe(false);
  });
});
