import { describe, expect, test } from "vitest";
import { AUGMENTATIONS } from "../data/augmentation.js";
import type { Recipe } from "./recipe.js";
import { conflictsOf } from "./recipe-conflicts.js";
import { RECIPES } from "./recipes.js";

const { standard } = AUGMENTATIONS;
const fieldsOf = (recipe: Recipe) => conflictsOf(recipe).map(({ fields: [field] }) => field);

test.each(Object.values(RECIPES))("$name has none", (recipe) => {
  expect(conflictsOf(recipe)).toEqual([]);
});

describe("L-BFGS takes nothing that it would pass over in silence", () => {
  test.each<Partial<Recipe>>([
    { fineTune: "last-stage" },
    { stages: [...RECIPES.default.stages, ...RECIPES.default.stages] },
    { augmentation: standard },
    { views: 3 },
    { mixup: 0.1 },
    { cutmix: 0.1 },
    { dropout: 0.1 },
    { initial: "solved" },
    { labelSmoothing: 0.1 },
    { classWeights: "balanced" },
    { schedule: { kind: "cosine" } },
    { schedule: { kind: "constant", warmup: 0.1 } },
    { earlyStopping: 3 },
    { monitor: "accuracy" },
    { ema: 0.9 },
    { clipNorm: 1 },
    { accumulate: 2 },
    { batchNorm: "train" },
    { checkpointActivations: true },
  ])("%j", (choice) => {
    expect(fieldsOf({ ...RECIPES.default, ...choice })).toEqual(Object.keys(choice));
  });

  test("and says which recipes do", () => {
    const [conflict] = conflictsOf({ ...RECIPES.default, fineTune: "all" });
    expect(conflict?.hint).toContain("--recipe fine-tune, last-stage or keras-classic");
  });

  test("all of them at once", () => {
    const own = { optimiser: RECIPES.default.optimiser, name: "own" };
    expect(fieldsOf({ ...RECIPES["fine-tune"], ...own })).toEqual([
      "fineTune",
      "augmentation",
      "initial",
      "labelSmoothing",
      "schedule",
      "monitor",
      "ema",
      "clipNorm",
    ]);
  });
});

describe("gradient steps", () => {
  const all = RECIPES["fine-tune"];
  const last: Recipe = { ...RECIPES["last-stage"], augmentation: standard };
  const head: Recipe = { ...all, fineTune: "head" };
  test.each<[string, Recipe, readonly string[]]>([
    ["views of an augmentation", { ...last, views: 3 }, []],
    ["views of the head's features", { ...head, views: 3 }, []],
    ["views without augmentation", { ...last, augmentation: null, views: 3 }, ["views"]],
    ["views that are mixed", { ...last, mixup: 0.2, views: 3 }, ["views"]],
    ["views that are cut", { ...last, cutmix: 1, views: 3 }, ["views"]],
    ["views with nothing to store", { ...all, views: 3 }, ["views"]],
    ["mixing without views", { ...last, mixup: 0.2, cutmix: 1 }, []],
    ["statistics that train", { ...all, batchNorm: "train" }, []],
    ["statistics where nothing has any", { ...head, batchNorm: "train" }, ["batchNorm"]],
    ["statistics of several batches", { ...all, batchNorm: "train", accumulate: 2 }, ["batchNorm"]],
    ["several batches", { ...all, accumulate: 2 }, []],
    [
      "checkpoints where nothing is kept",
      { ...head, checkpointActivations: true },
      ["checkpointActivations"],
    ],
    ["checkpoints", { ...all, checkpointActivations: true }, []],
  ])("%s", (_, recipe, fields) => {
    expect(fieldsOf(recipe)).toEqual(fields);
    for (const { sentence, hint } of conflictsOf(recipe)) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(hint).toMatch(/^[A-Z].*\.$/);
    }
  });
});
