import fc from "fast-check";
import { conflictsOf, RECIPE_DEFAULTS, type Recipe, recipeSchema } from "../../src/training/index.js";

const upTo = (max: number, min = 0) => fc.double({ min, max, noNaN: true });
const above0 = (max: number) => fc.double({ min: 0, max, minExcluded: true, noNaN: true });
const below1 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const range = (max: number) =>
  fc.tuple(above0(max), above0(max)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
const name = fc.oneof(
  fc.string({ minLength: 1, unit: "binary" }),
  fc.constantFrom("none", "null", "~", "yes", "1e3", "- a", "a: b", "# a", " ", "a\nb", "'", '"', "0x1f"),
);

const stages = fc.array(
  fc.record({
    epochs: fc.integer({ min: 1, max: 100_000 }),
    imageSize: fc.integer({ min: 8, max: 4096 }),
  }),
  { minLength: 1, maxLength: 3 },
);

const optimiser: fc.Arbitrary<Recipe["optimiser"]> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("sgd" as const),
      learningRate: above0(1000),
      momentum: below1,
      nesterov: fc.boolean(),
      weightDecay: upTo(10),
    },
    { requiredKeys: ["kind", "learningRate"] },
  ),
  fc.record({
    kind: fc.constant("rmsprop" as const),
    learningRate: above0(1000),
    rho: below1,
    epsilon: above0(1),
  }),
  fc.record({
    kind: fc.constant("adam" as const),
    learningRate: above0(1000),
    beta1: below1,
    beta2: below1,
    epsilon: above0(1),
  }),
  fc.record({
    kind: fc.constant("adamw" as const),
    learningRate: above0(1000),
    beta1: below1,
    beta2: below1,
    epsilon: above0(1),
    weightDecay: upTo(10),
  }),
  fc.record({
    kind: fc.constant("lbfgs" as const),
    l2: fc.oneof(upTo(10), fc.constant("cross-validated" as const)),
  }),
);

const augmentation = fc.record(
  {
    rotation: upTo(180),
    shear: upTo(80),
    zoom: range(10),
    horizontalFlip: fc.boolean(),
    crop: fc.record({ area: range(1), ratio: range(10) }),
    brightness: upTo(10),
    contrast: upTo(10),
    saturation: upTo(10),
    hue: upTo(180),
  },
  { requiredKeys: ["rotation", "shear", "zoom", "horizontalFlip"] },
);

/** Any recipe that can be used. */
export const recipes: fc.Arbitrary<Recipe> = fc
  .record({
    name,
    resize: fc.constantFrom("bicubic", "nearest"),
    augmentation: fc.option(augmentation),
    stages,
    batchSize: fc.integer({ min: 1, max: 65_536 }),
    dropout: below1,
    initial: fc.constantFrom("glorot-uniform", "zeros", "solved"),
    optimiser,
    schedule: fc.record(
      { kind: fc.constantFrom("constant", "cosine", "one-cycle"), warmup: upTo(1) },
      { requiredKeys: ["kind"] },
    ),
    labelSmoothing: below1,
    classWeights: fc.constantFrom("none", "balanced"),
    earlyStopping: fc.option(fc.integer({ min: 1, max: 1e9 })),
    monitor: fc.constantFrom("loss", "accuracy"),
    fineTune: fc.oneof(fc.constantFrom("head", "last-stage", "all"), name),
    layerDecay: above0(1),
    batchNorm: fc.constantFrom("frozen", "train"),
    mixup: fc.oneof(fc.constant(0), upTo(100)),
    cutmix: fc.oneof(fc.constant(0), upTo(100)),
    ema: fc.option(below1),
    clipNorm: fc.option(above0(1e6)),
    accumulate: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 65_536 })),
    views: fc.option(fc.integer({ min: 1, max: 1000 })),
    checkpointActivations: fc.boolean(),
  })
  .map((parts) => agreeing(recipeSchema.parse(parts)));

/** A recipe without the choices that do not go with the others. */
function agreeing(recipe: Recipe): Recipe {
  const plain = { ...RECIPE_DEFAULTS, name: recipe.name, stages: recipe.stages, optimiser: recipe.optimiser };
  let left = recipe;
  for (let [conflict] = conflictsOf(left); conflict !== undefined; [conflict] = conflictsOf(left)) {
    const [field = "name"] = conflict.fields;
    left = { ...left, [field]: field === "stages" ? left.stages.slice(0, 1) : plain[field] };
  }
  return left;
}
