import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUGMENTATIONS } from "../data/augmentation.js";
import { HeadstartError } from "../errors.js";
import type { Recipe } from "./recipe.js";
import { parseRecipe } from "./recipe-parse.js";
import { RECIPE_DEFAULTS, RECIPES } from "./recipes.js";

const SGD = "optimiser: { kind: sgd, learningRate: 0.1 }";
const parse = (...lines: readonly string[]) => parseRecipe(lines.join("\n"), "dir/my.yaml");

/** The lines of what is wrong. */
function problems(...lines: readonly string[]): readonly string[] {
  try {
    parse(...lines);
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_OPTION", hint: expect.stringMatching(/\.$/) });
    return error instanceof Error ? error.message.split("\n") : [];
  }
  throw new Error("It is right.");
}

describe("what is left out", () => {
  test("is as documented, and the name is the file's", () => {
    expect(parse("stages: 5@224", SGD)).toEqual({
      ...RECIPE_DEFAULTS,
      name: "my",
      stages: [{ epochs: 5, imageSize: 224 }],
      optimiser: { kind: "sgd", learningRate: 0.1 },
    });
  });

  test.each<[string, Recipe["optimiser"]]>([
    ["{ kind: rmsprop, learningRate: 0.1 }", { kind: "rmsprop", learningRate: 0.1, rho: 0.9, epsilon: 1e-7 }],
    [
      "{ kind: adam, learningRate: 1e-3, beta1: 0.8 }",
      { kind: "adam", learningRate: 0.001, beta1: 0.8, beta2: 0.999, epsilon: 1e-8 },
    ],
    [
      "{ kind: adamw, learningRate: 1e-3 }",
      { kind: "adamw", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
    ],
    ["{ kind: lbfgs }", { kind: "lbfgs", l2: "cross-validated" }],
  ])("optimiser: %s", (text, optimiser) => {
    expect(parse("stages: 5@224", `optimiser: ${text}`).optimiser).toEqual(optimiser);
  });

  test("is as the base has it", () => {
    expect(parse("base: fine-tune", "layerDecay: 0.5", "ema: none", "name: gentle")).toEqual({
      ...RECIPES["fine-tune"],
      name: "gentle",
      layerDecay: 0.5,
      ema: null,
    });
  });

  test("parts of an optimiser, schedule and augmentation are as the base has them, unless the kind is another", () => {
    const { optimiser, augmentation } = RECIPES["fine-tune"];
    const base = "base: fine-tune";
    expect(parse(base, "optimiser:", "  learningRate: 0.1").optimiser).toEqual({
      ...optimiser,
      learningRate: 0.1,
    });
    expect(parse(base, "optimiser: { kind: adam, learningRate: 1 }").optimiser).toEqual({
      kind: "adam",
      learningRate: 1,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    });
    expect(problems(base, "optimiser:", "  kind: adam")).toEqual([
      "dir/my.yaml, line 2, column 1: optimiser.learningRate is missing: it must be a number above 0, at most 1,000.",
    ]);
    expect(parse(base, "schedule: { warmup: 0.1 }").schedule).toEqual({ kind: "one-cycle", warmup: 0.1 });
    expect(parse(base, "schedule: { kind: constant }").schedule).toEqual({ kind: "constant" });
    expect(parse(base, "augmentation: { hue: 5 }").augmentation).toEqual({ ...augmentation, hue: 5 });
    expect(parse(base, "augmentation: { crop: { area: [0.5, 1] } }").augmentation).toEqual({
      ...augmentation,
      crop: { ...augmentation?.crop, area: [0.5, 1] },
    });
    expect(parse(base, "augmentation: { crop: none }").augmentation).not.toHaveProperty("crop");
    expect(parse("stages: 5@224", SGD, "augmentation: { rotation: 5 }").augmentation).toEqual({
      rotation: 5,
      shear: 0,
      zoom: [1, 1],
      horizontalFlip: false,
    });
  });
});

describe("short forms", () => {
  test("stages, augmentation, schedule and none", () => {
    const recipe = parse("stages: 5@224, 15@299", SGD, "augmentation: strong", "schedule: cosine", "views:");
    expect(recipe.stages).toEqual(RECIPES["keras-classic"].stages);
    expect(recipe.augmentation).toEqual(AUGMENTATIONS.strong);
    expect(recipe.schedule).toEqual({ kind: "cosine" });
    expect(recipe.views).toBeNull();
    expect(parse("base: keras-classic", "augmentation: none").augmentation).toBeNull();
    expect(parse("stages:", "- {epochs: 1, imageSize: 8}", SGD).stages).toEqual([
      { epochs: 1, imageSize: 8 },
    ]);
  });

  test("JSON, with tabs or without", () => {
    for (const recipe of Object.values(RECIPES)) {
      expect(parseRecipe(JSON.stringify(recipe), "x.json")).toEqual(recipe);
      expect(parseRecipe(JSON.stringify(recipe, null, "\t"), "x.json")).toEqual(recipe);
    }
  });

  test("a run's recipe.json holds the recipe among other choices", () => {
    const { ema: _, ...older } = RECIPES["fine-tune"];
    const run = { version: "1", recipe: older, backboneSha256: "0", seed: 1 };
    expect(parseRecipe(JSON.stringify(run), "runs/1/recipe.json")).toEqual({ ...older, ema: null });
    const broken = { ...run, recipe: { ...older, dropout: 2 } };
    expect(() => parseRecipe(JSON.stringify(broken, null, 1), "recipe.json")).toThrow(
      /^recipe\.json, line \d+, column 14: dropout must be less than 1, not 2\.$/,
    );
  });
});

describe("what is wrong is told with file, line, column and what is allowed", () => {
  const rest = ["stages: 5@224", SGD];
  test.each<[readonly string[], readonly string[]]>([
    [["batchSize: 0", ...rest], ["line 1, column 12: batchSize must be at least 1, not 0."]],
    [
      [...rest, "# comment", "batchSize: many"],
      ['line 4, column 12: batchSize must be a whole number from 1 to 65,536, not "many".'],
    ],
    [
      [...rest, "batchSize: 1.5"],
      ["line 3, column 12: batchSize must be a whole number from 1 to 65,536, not 1.5."],
    ],
    [
      [...rest, "batchSize: .nan"],
      ["line 3, column 12: batchSize must be a whole number from 1 to 65,536, not NaN."],
    ],
    [[...rest, "batchsize: 8"], ["line 3, column 1: a recipe has no batchsize; did you mean batchSize?"]],
    [[...rest, "qqqqqqqqqq: 8"], ["line 3, column 1: a recipe has no qqqqqqqqqq."]],
    [[...rest, "1: 8"], ["line 3, column 1: a recipe has no 1."]],
    [[...rest, "__proto__: { a: 1 }"], ["line 3, column 1: a recipe has no __proto__."]],
    [
      [...rest, "dropout:"],
      ["line 3, column 1: dropout must be a number from 0 up to, not including, 1, not empty."],
    ],
    [[...rest, "resize: bilinear"], ['line 3, column 9: resize must be bicubic or nearest, not "bilinear".']],
    [[...rest, "batchSize: [8, 16]"], [expect.stringContaining("not [8, 16].")]],
    [
      [...rest, "augmentation: heavy"],
      [
        'line 3, column 15: augmentation must be none, light, standard, strong or keras, or a mapping, not "heavy".',
      ],
    ],
    [
      [...rest, "augmentation:", "  zoom: [2, 1]"],
      ["line 4, column 3: augmentation.zoom: the smallest zoom is larger than the largest."],
    ],
    [
      [...rest, "augmentation:", "  rotatoin: 3"],
      ["line 4, column 3: augmentation has no rotatoin; did you mean rotation?"],
    ],
    [
      ["stages: 5@224", "optimiser:", "  kind: adamm", "  learningRate: 1"],
      ['line 3, column 9: optimiser.kind must be sgd, rmsprop, adam, adamw or lbfgs, not "adamm".'],
    ],
    [
      ["stages: 5@224", "optimiser: { kind: adam, learningRate: 1, qqqqqqqq: 0 }"],
      ["line 2, column 43: optimiser adam has no qqqqqqqq, only kind, learningRate, beta1, beta2, epsilon."],
    ],
    [
      ["stages: 5@224", "optimiser: { learningRate: 1 }"],
      ["line 2, column 1: optimiser.kind is missing: it must be sgd, rmsprop, adam, adamw or lbfgs."],
    ],
    [
      ["stages: 5@224", "optimiser: { kind: lbfgs, l2: strong }"],
      ['line 2, column 31: optimiser.l2 must be cross-validated or a number of at least 0, not "strong".'],
    ],
    [
      ["stages: 5x224", SGD],
      [
        'line 1, column 9: stages: "5x224" is not a stage. Write epochs@size, several separated by commas, such as 5@224,15@299.',
      ],
    ],
    [
      ["stages:", "  - { epochs: 1, imageSize: 224 }", "  - epochs: 0", "    imageSize: 224", SGD],
      ["line 3, column 13: stages.1.epochs must be at least 1, not 0."],
    ],
    [
      ["stages: []", SGD],
      [
        "line 1, column 1: stages must be epochs@size, such as 5@224,15@299, or a list of epochs and imageSize, not [].",
      ],
    ],
    [["base: fine", SGD], [expect.stringContaining("line 1, column 7: base must be default, keras-classic")]],
    [[...rest, 'name: ""'], ['line 3, column 7: name must be a text, not "".']],
    [[...rest, "schedule: up"], [expect.stringContaining("line 3, column 11: schedule.kind must be")]],
    [[...rest, "dropout: 0.1", "dropout: 0.2"], ["line 4, column 1: dropout stands here a second time."]],
    [
      [...rest, "dropout: &x 0.1", "mixup: *x"],
      [expect.stringContaining("line 4, column 8: *x: a recipe takes no")],
    ],
    [
      [...rest, "name: !!js/function 'x'"],
      [expect.stringContaining("line 3, column 7: this is not valid YAML: unresolved tag")],
    ],
    [
      [...rest, "dropout: 1: 2"],
      [expect.stringContaining("line 3, column 10: this is not valid YAML: nested")],
    ],
    [["stages: '5@224", SGD], [expect.stringContaining("this is not valid YAML: missing closing 'quote")]],
    [["stages: 5@224", "---", SGD], [expect.stringContaining("line 2, column 1")]],
    [[...rest, "? [a]", ": 1"], ["line 3, column 3: a key must be a word."]],
    [["- stages"], [expect.stringContaining("line 1, column 1: there is no recipe in it")]],
    [[""], [expect.stringContaining("there is no recipe in it")]],
    [["# nothing"], [expect.stringContaining("there is no recipe in it")]],
  ])("%j", (lines, expected) => {
    expect(problems(...lines)).toEqual(
      expected.map((text) => (typeof text === "string" ? `dir/my.yaml, ${text}` : text)),
    );
  });

  test("what is missing has no line", () => {
    expect(problems("dropout: 0.1")).toEqual([
      "dir/my.yaml: stages is missing: it must be epochs@size, such as 5@224,15@299, or a list of epochs and imageSize.",
      "dir/my.yaml: optimiser is missing: it must be a mapping with a kind: sgd, rmsprop, adam, adamw or lbfgs.",
    ]);
  });

  test("all of it, in the order of the file", () => {
    expect(problems("fineTune: 3", "stages: 1@1", "bathSize: 1", "batchSize: 0", SGD)).toEqual([
      "dir/my.yaml, line 1, column 11: fineTune must be head, last-stage, all or the beginning of a layer's name, not 3.",
      expect.stringContaining("line 2, column 9: stages: The stage"),
      "dir/my.yaml, line 3, column 1: a recipe has no bathSize; did you mean batchSize?",
      "dir/my.yaml, line 4, column 12: batchSize must be at least 1, not 0.",
    ]);
    const many = problems(...rest, ...Array.from({ length: 50 }, (_, i) => `key${i}: 1`));
    expect(many).toHaveLength(21);
    expect(many.at(-1)).toBe("dir/my.yaml: 30 more.");
  });

  test("choices that do not go together, at the line to change", () => {
    expect(problems(...rest, "views: 3")).toEqual([
      "dir/my.yaml, line 3, column 8: Views differ by augmentation, and there is none.",
    ]);
    expect(() => parse("base: default", "dropout: 0.5")).toThrow(
      expect.objectContaining({
        message:
          "dir/my.yaml, line 2, column 10: L-BFGS solves the head on stored features of the photos as they are: it takes no dropout.",
        hint: expect.stringContaining("--recipe fine-tune"),
      }),
    );
  });

  test("a file's name cannot break lines or steer the terminal", () => {
    expect(() => parseRecipe("", "a\n\u001b.yaml")).toThrow(/^a\?\?\.yaml, line 1/);
  });
});

describe("hostile files", () => {
  test("are neither long nor deep", () => {
    expect(problems("#".repeat(65_537))).toEqual(["dir/my.yaml: a recipe takes at most 64 KB."]);
    for (const text of ["[".repeat(60_000), "- ".repeat(30_000), "{a: ".repeat(15_000), "? ".repeat(30_000)])
      expect(problems(text)).toEqual(["dir/my.yaml: a recipe is not nested so deep."]);
  });

  test("do not unfold aliases", () => {
    const bomb = Array.from({ length: 30 }, (_, i) => `k${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    expect(problems("k: &a-1 [x]", ...bomb)[0]).toContain("takes no aliases");
  });

  test("any text gives a recipe or INVALID_OPTION", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("stages: 1@8", SGD, "base: default", "---", "%YAML 1.1", "- a", "  b: c", "<<: *a"),
      fc.stringMatching(/^(ema|name|views|augmentation|schedule|stages): [&*!{}[\]'"|>%@`a-c0-9.: ]{0,8}$/),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        try {
          parse(...lines);
        } catch (error) {
          if (!(error instanceof HeadstartError)) throw error;
          expect(error.code).toBe("INVALID_OPTION");
        }
      }),
      { numRuns: 500 },
    );
  });
});
