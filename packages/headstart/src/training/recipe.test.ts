import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStages, RECIPES, type Recipe, recipeSchema, resolveRecipe } from "./recipe.js";

const classic = RECIPES["keras-classic"];

describe("RECIPES", () => {
  test.each(Object.entries(RECIPES))("%s is valid, carries its name, and survives JSON", (name, recipe) => {
    expect(recipe.name).toBe(name);
    expect(resolveRecipe(recipe)).toEqual(recipe);
    expect(recipeSchema.parse(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
  });
});

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

  test.each(["best", "constructor", "__proto__", ""])("names the recipes there are, for %j", (name) => {
    expect(() => resolveRecipe(name)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", hint: "The recipes are: default, keras-classic." }),
    );
  });

  test.each<[string, () => Recipe]>([
    ["L-BFGS takes no learning rate.", () => resolveRecipe("default", { learningRate: 0.1 })],
    ["takes one stage, not 2", () => resolveRecipe("default", { stages: "1@224,1@299" })],
    [
      "takes no augmentation",
      () => resolveRecipe({ ...RECIPES.default, augmentation: classic.augmentation }),
    ],
    ["takes no dropout", () => resolveRecipe({ ...RECIPES.default, dropout: 0.1 })],
    ["takes no label smoothing", () => resolveRecipe({ ...RECIPES.default, labelSmoothing: 0.1 })],
    ["takes no class weights", () => resolveRecipe({ ...RECIPES.default, classWeights: "balanced" })],
    [
      "takes no learning-rate schedule",
      () => resolveRecipe({ ...RECIPES.default, schedule: { kind: "cosine" } }),
    ],
    ["takes no early stopping", () => resolveRecipe({ ...RECIPES.default, earlyStopping: 3 })],
    ["batchSize must be at least 1.", () => resolveRecipe("default", { batchSize: 0 })],
    ["batchSize", () => resolveRecipe("default", { batchSize: 1.5 })],
    ["learningRate must be more than 0.", () => resolveRecipe("keras-classic", { learningRate: -1 })],
    ["learningRate", () => resolveRecipe("keras-classic", { learningRate: Number.NaN })],
    ["stages", () => resolveRecipe("keras-classic", { stages: [] })],
    ["its imageSize must be at most 4096.", () => resolveRecipe("keras-classic", { stages: "5@9999" })],
    ["stages.0.imageSize", () => resolveRecipe("keras-classic", { stages: [{ epochs: 1, imageSize: 1 }] })],
    ["dropout must be less than 1.", () => resolveRecipe({ ...classic, dropout: 1 })],
    [
      "zoom",
      () =>
        resolveRecipe({
          ...classic,
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
    expect(() => resolveRecipe(misspelt)).toThrow(/droput/);
  });
});

describe("parseStages", () => {
  test("reads what it would write", () => {
    const stages = fc.array(
      fc.record({
        epochs: fc.integer({ min: 1, max: 100_000 }),
        imageSize: fc.integer({ min: 8, max: 4096 }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(stages, fc.constantFrom("", " "), (expected, space) => {
        const text = expected.map(({ epochs, imageSize }) => `${epochs}${space}@${space}${imageSize}`);
        expect(parseStages(text.join(`,${space}`))).toEqual(expected);
      }),
    );
  });

  test("any text gives valid stages or INVALID_OPTION", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9@, .e-]{0,12}$/)), (text) => {
        let stages: unknown;
        try {
          stages = parseStages(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_OPTION" });
          return;
        }
        expect(recipeSchema.safeParse({ ...classic, stages }).success).toBe(true);
      }),
    );
  });

  test.each([
    "",
    "5",
    "5@",
    "@224",
    "0@224",
    "5@7",
    "5@99999",
    "5@224,",
    "-5@224",
    "5.5@224",
    "5@224;15@299",
  ])("refuses %j", (text) => {
    expect(() => parseStages(text)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});
