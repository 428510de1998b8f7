import { expect, test } from "vitest";
import { recipeSchema } from "./recipe.js";
import { issueSentences, shownValue } from "./recipe-sentences.js";
import { RECIPES } from "./recipes.js";

test.each([
  [{ batchSize: 0 }, "batchSize must be at least 1, not 0"],
  [{ batchSize: "8" }, 'batchSize must be a whole number from 1 to 65,536, not "8"'],
  [{ resize: undefined }, "resize is missing: it must be bicubic or nearest"],
  [{ other: 1 }, "a recipe has no other"],
  [{ bachsize: 1 }, "a recipe has no bachsize; did you mean batchSize?"],
  [{ optimiser: { kind: "x" } }, 'optimiser.kind must be sgd, rmsprop, adam, adamw or lbfgs, not "x"'],
  [{ optimiser: {} }, "optimiser.kind is missing: it must be sgd, rmsprop, adam, adamw or lbfgs"],
  [{ optimiser: { kind: "lbfgs", l2: -1 } }, "optimiser.l2 must be at least 0, not -1"],
  [{ optimiser: { kind: "lbfgs", l2: 1, rho: 0 } }, "optimiser lbfgs has no rho, only kind, l2"],
  [{ stages: [{ epochs: 1, imageSize: 5000 }] }, "stages.0.imageSize must be at most 4096, not 5000"],
])("%j: %s", (choice, sentence) => {
  const { error } = recipeSchema.safeParse({ ...RECIPES.default, ...choice }, { reportInput: true });
  expect(error?.issues.flatMap(issueSentences)).toEqual([sentence]);
});

test.each([
  [null, "empty"],
  ["a\nb", '"a\\nb"'],
  [[1, "a"], "[1, a]"],
  [[[1]], "a list"],
  [{}, "a mapping"],
  [1e-8, "1e-8"],
  ["x".repeat(100), `"${"x".repeat(58)}…`],
])("%j is shown as %s", (value, text) => {
  expect(shownValue(value)).toBe(text);
});
