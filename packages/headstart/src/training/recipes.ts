import { AUGMENTATIONS } from "../data/augmentation.js";
import type { Recipe } from "./recipe.js";

/** What a recipe takes where it leaves a field out; `name`, `stages` and `optimiser` are always said. */
export const RECIPE_DEFAULTS = {
  resize: "bicubic",
  augmentation: null,
  batchSize: 32,
  dropout: 0,
  initial: "zeros",
  schedule: { kind: "constant" },
  labelSmoothing: 0,
  classWeights: "none",
  monitor: "loss",
  earlyStopping: null,
  fineTune: "head",
  layerDecay: 1,
  batchNorm: "frozen",
  mixup: 0,
  cutmix: 0,
  ema: null,
  clipNorm: null,
  accumulate: 1,
  views: null,
  checkpointActivations: false,
} as const satisfies Omit<Recipe, "name" | "stages" | "optimiser">;

const FINE_TUNE: Recipe = {
  ...RECIPE_DEFAULTS,
  name: "fine-tune",
  augmentation: AUGMENTATIONS.standard,
  stages: [{ epochs: 8, imageSize: 224 }],
  initial: "solved",
  optimiser: {
    kind: "adamw",
    learningRate: 3e-4,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  schedule: { kind: "one-cycle" },
  labelSmoothing: 0.1,
  // With smoothed labels the loss no longer says which of two networks is right more often.
  monitor: "accuracy",
  fineTune: "all",
  layerDecay: 0.3,
  ema: 0.999,
  clipNorm: 1,
};

/**
 * The recipes that come with Headstart.
 *
 * - `default`: features of the photos as they are, computed once; a softmax head solved by L-BFGS, its L2 penalty chosen by
 *   cross-validation among the training photos.
 * - `keras-classic`: the transfer-learning recipe of the classic Keras tutorial: augmented photos, dropout, RMSprop, five epochs at 224
 *   pixels and fifteen at 299.
 * - `fine-tune`: the head solved first, then every layer moved from augmented photos, by smaller steps the further it is from the head.
 * - `last-stage`: the same for the layers behind the backbone's last reduction of size, with photos as they are: what the frozen layers
 *   make of them is computed once.
 *
 * @example
 * import { RECIPES, type Recipe } from "headstart";
 * const gentle: Recipe = { ...RECIPES["fine-tune"], name: "gentle", layerDecay: 0.1 };
 * RECIPES["fine-tune"].fineTune // => "all"
 */
export const RECIPES: Readonly<Record<"default" | "keras-classic" | "fine-tune" | "last-stage", Recipe>> = {
  default: {
    ...RECIPE_DEFAULTS,
    name: "default",
    stages: [{ epochs: 300, imageSize: 224 }],
    optimiser: { kind: "lbfgs", l2: "cross-validated" },
  },
  "keras-classic": {
    ...RECIPE_DEFAULTS,
    name: "keras-classic",
    resize: "nearest",
    augmentation: AUGMENTATIONS.keras,
    stages: [
      { epochs: 5, imageSize: 224 },
      { epochs: 15, imageSize: 299 },
    ],
    batchSize: 40,
    dropout: 0.4,
    initial: "glorot-uniform",
    optimiser: { kind: "rmsprop", learningRate: 0.001, rho: 0.9, epsilon: 1e-7 },
  },
  "fine-tune": FINE_TUNE,
  "last-stage": {
    ...FINE_TUNE,
    name: "last-stage",
    augmentation: null,
    stages: [{ epochs: 10, imageSize: 224 }],
    fineTune: "last-stage",
  },
};
