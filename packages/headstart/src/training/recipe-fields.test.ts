import { expect, test } from "vitest";
import { AUGMENTATIONS } from "../data/augmentation.js";
import { recipeSchema } from "./recipe.js";
import { fieldAt, keysAt, NULLABLE, RECIPE_FIELDS, RECIPE_PARTS } from "./recipe-fields.js";
import { RECIPES } from "./recipes.js";

test("each field is said to be what it may be, in a sentence", () => {
  for (const { about, allowed } of [...Object.values(RECIPE_FIELDS), ...Object.values(RECIPE_PARTS)]) {
    expect(about).toMatch(/^[A-Z].*\.$/);
    expect(allowed).toMatch(/^[a-z].*[^.]$/);
  }
});

test("NULLABLE are those that may be null, and they say none", () => {
  for (const [key, { allowed }] of Object.entries(RECIPE_FIELDS)) {
    const isNullable = recipeSchema.safeParse({ ...RECIPES["fine-tune"], [key]: null }).success;
    expect([key, NULLABLE.some((name) => name === key)]).toEqual([key, isNullable]);
    if (isNullable) expect(allowed).toMatch(/^none\b/);
  }
});

test("a path leads to its field, places in lists aside", () => {
  expect(fieldAt(["stages", 1, "epochs"])).toBe(RECIPE_PARTS["stages.epochs"]);
  expect(fieldAt(["augmentation", "zoom", 0])).toBe(RECIPE_PARTS["augmentation.zoom"]);
  expect(fieldAt(["batchSize"])).toBe(RECIPE_FIELDS.batchSize);
  for (const path of [[], ["constructor"], ["stages", "other"]]) expect(fieldAt(path)).toBeUndefined();
});

test("a mapping's keys are those that the schema takes", () => {
  expect(keysAt([])).toEqual(Object.keys(RECIPES.default).sort((a, b) => order(a) - order(b)));
  expect(keysAt(["optimiser"], "rmsprop")).toEqual(["kind", "learningRate", "rho", "epsilon"]);
  expect(keysAt(["optimiser"], "lbfgs")).toEqual(["kind", "l2"]);
  expect(keysAt(["optimiser"], "other")).toContain("momentum");
  expect(keysAt(["augmentation"])).toEqual(expect.arrayContaining(Object.keys(AUGMENTATIONS.strong)));
  expect(keysAt(["augmentation", "crop"])).toEqual(["area", "ratio"]);
});

function order(key: string): number {
  return Object.keys(RECIPE_FIELDS).indexOf(key);
}
