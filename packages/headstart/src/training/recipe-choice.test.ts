import { describe, expect, test } from "vitest";
import { AUGMENTATIONS } from "../data/augmentation.js";
import type { Recipe } from "./recipe.js";
import { resolveRecipe } from "./recipe-choice.js";
import { RECIPES } from "./recipes.js";

const classic = RECIPES["keras-classic"];

describe("resolveRecipe", () => {
  test("takes a name and overrides", () => {
    expect(resolveRecipe("keras-classic")).toEqual(classic);
    expect(resolveRecipe("keras-classic", { stages: "2@128", batchSize: 8, learningRate: 0.5 })).toEqual({
      ...classic,
      stages: [{ epochs: 2, imageSize: 128 }],
      batchSize: 8,
      optimiser: { ...classic.optimiser, learningRate: 0.5 },
    });
    expect(resolveRecipe("default", { stages: [{ epochs: 10, imageSize: 160 }] }).stages).toEqual([
      { epochs: 10, imageSize: 160 },
    ]);
  });

  test("takes every choice of fine-tuning, and null for none", () => {
    const overrides = {
      fineTune: "layer4",
      batchNorm: "train",
      mixup: 0.2,
      cutmix: 1,
      ema: null,
      clipNorm: null,
      accumulate: 1,
      views: null,
      checkpointActivations: true,
    } as const;
    const given = { ...overrides, augmentation: "strong", seed: 3, threads: 1 };
    expect(resolveRecipe("fine-tune", given)).toEqual({
      ...RECIPES["fine-tune"],
      ...overrides,
      augmentation: AUGMENTATIONS.strong,
    });
    expect(resolveRecipe("last-stage", { augmentation: "keras", views: 4 })).toEqual({
      ...RECIPES["last-stage"],
      augmentation: AUGMENTATIONS.keras,
      views: 4,
    });
    const { augmentation } = RECIPES["keras-classic"];
    for (const none of ["none", null])
      expect(resolveRecipe("fine-tune", { augmentation: none }).augmentation).toBeNull();
    expect(resolveRecipe("fine-tune", { augmentation }).augmentation).toEqual(augmentation);
  });

  test.each([
    [undefined, "default"],
    ["head", "default"],
    ["last-stage", "last-stage"],
    ["all", "fine-tune"],
    ["layer3", "fine-tune"],
  ])("without a choice, fineTune %s is the recipe %s", (fineTune, name) => {
    const recipe = resolveRecipe(undefined, fineTune === undefined ? {} : { fineTune });
    expect([recipe.name, recipe.fineTune]).toEqual([name, fineTune ?? "head"]);
  });

  test.each(["best", "constructor", "__proto__", ""])("names the recipes there are, for %j", (name) => {
    expect(() => resolveRecipe(name)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        hint: "The recipes are: default, keras-classic, fine-tune, last-stage. A file of one's own ends in .yaml.",
      }),
    );
  });

  test.each<[string, () => Recipe]>([
    ["L-BFGS takes no learning rate.", () => resolveRecipe("default", { learningRate: 0.1 })],
    ["takes one stage, not 2", () => resolveRecipe("default", { stages: "1@224,1@299" })],
    ["it trains the head alone, not all", () => resolveRecipe("default", { fineTune: "all" })],
    ["takes no augmentation", () => resolveRecipe(undefined, { augmentation: "standard" })],
    ['called "heavy"', () => resolveRecipe("fine-tune", { augmentation: "heavy" })],
    ["batchSize must be at least 1, not 0.", () => resolveRecipe("default", { batchSize: 0 })],
    ["batchSize must be a whole number", () => resolveRecipe("default", { batchSize: 1.5 })],
    ["learningRate must be more than 0, not -1.", () => resolveRecipe(classic, { learningRate: -1 })],
    ["learningRate must be a number above 0", () => resolveRecipe(classic, { learningRate: Number.NaN })],
    ["stages must be", () => resolveRecipe("keras-classic", { stages: [] })],
    ["its imageSize must be at most 4096, not 9999.", () => resolveRecipe(classic, { stages: "5@9999" })],
    ["stages.0.imageSize", () => resolveRecipe("keras-classic", { stages: [{ epochs: 1, imageSize: 1 }] })],
    ["dropout must be less than 1, not 1.", () => resolveRecipe({ ...classic, dropout: 1 })],
    ["ema must be less than 1, not 1.", () => resolveRecipe("fine-tune", { ema: 1 })],
    ["fineTune must be head, last-stage", () => resolveRecipe(undefined, { fineTune: "" })],
    [
      "zoom: the smallest zoom is larger",
      () =>
        resolveRecipe(classic, {
          augmentation: { rotation: 0, shear: 0, zoom: [2, 1], horizontalFlip: false },
        }),
    ],
  ])("says what is wrong: %s", (part, resolve) => {
    expect(resolve).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(part) }),
    );
  });

  test("an unknown property is an error, not silence", () => {
    const misspelt: Recipe = { ...classic, ...{ droput: 0.2 } };
    expect(() => resolveRecipe(misspelt)).toThrow(
      "The recipe cannot be used: a recipe has no droput; did you mean dropout?",
    );
  });
});
