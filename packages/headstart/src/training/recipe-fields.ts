import { AUGMENTATIONS } from "../data/augmentation.js";
import { optimiserSchema, type Recipe } from "./recipe.js";

/** What a recipe's field, or a part of one, is and may be. Recipes written as YAML, sentences about mistakes and the docs all say it so. */
export interface RecipeField {
  /** What it does, as a sentence. */
  readonly about: string;
  /** What it may be: what comes behind "it must be". */
  readonly allowed: string;
}

const fraction = "a number from 0 up to, not including, 1";
const penalty = "a number of at least 0";

/** Every field of a recipe, in the order in which it is written. */
export const RECIPE_FIELDS: Readonly<Record<keyof Recipe, RecipeField>> = {
  name: { about: "What the recipe is called, in recipe.json and in the model.", allowed: "a text" },
  resize: {
    about: "How photos are squashed to a square: averaged where they shrink, or by taking the nearest pixel.",
    allowed: "bicubic or nearest",
  },
  augmentation: {
    about:
      "How each view of a photo differs from it. With none, photos stay as they are, and what the frozen part makes of them is computed once.",
    allowed: `${orList(Object.keys(AUGMENTATIONS))}, or a mapping`,
  },
  stages: {
    about:
      "Epochs and the side of the square photos in pixels, one stage after the other. With lbfgs, epochs are the most iterations.",
    allowed: "epochs@size, such as 5@224,15@299, or a list of epochs and imageSize",
  },
  batchSize: { about: "Photos in a step.", allowed: "a whole number from 1 to 65,536" },
  dropout: {
    about: "Part of the features that is set to 0 at random in training.",
    allowed: fraction,
  },
  initial: {
    about:
      "How the head starts: at zeros, at random, or solved as logistic regression on the features of the untrained network.",
    allowed: "zeros, glorot-uniform or solved",
  },
  optimiser: {
    about:
      "How parameters move: step by step, or with lbfgs the head alone, solved to its optimum on stored features.",
    allowed: "a mapping with a kind: sgd, rmsprop, adam, adamw or lbfgs",
  },
  schedule: {
    about: "How the learning rate moves over the run.",
    allowed: "constant, cosine or one-cycle, or a mapping with such a kind",
  },
  labelSmoothing: {
    about: "Part of the target that is spread evenly over all classes.",
    allowed: fraction,
  },
  classWeights: {
    about: "With balanced, rare classes count as much in the loss as frequent ones.",
    allowed: "none or balanced",
  },
  monitor: {
    about:
      "What the best epoch is chosen by, on the validation photos: the smallest loss, or the highest accuracy.",
    allowed: "loss or accuracy",
  },
  earlyStopping: {
    about: "Training stops after so many epochs that were no better on the validation photos.",
    allowed: "none or a whole number of at least 1",
  },
  fineTune: {
    about:
      "What trains besides the head: nothing, the layers behind the backbone's last reduction of size, every layer, or the layer whose name begins so and all behind it.",
    allowed: "head, last-stage, all or the beginning of a layer's name",
  },
  layerDecay: {
    about:
      "How much slower the backbone learns the further from the head: each of its stages has this times the rate of the stage behind it.",
    allowed: "a number above 0, at most 1",
  },
  batchNorm: {
    about:
      "What batch normalisation in the trainable part uses: its running statistics, or those of the batch, and the running ones follow.",
    allowed: "frozen or train",
  },
  mixup: {
    about: "Mixes photos in pairs, by a share from Beta(mixup, mixup); 0 for never.",
    allowed: "a number from 0 to 100",
  },
  cutmix: {
    about: "Pastes a box of one photo into another, its area from Beta(cutmix, cutmix); 0 for never.",
    allowed: "a number from 0 to 100",
  },
  ema: {
    about:
      "Part of the running mean of the weights that is kept at each step; the mean is what is measured and shipped.",
    allowed: "none or a number from 0 up to, not including, 1",
  },
  clipNorm: {
    about: "Gradients longer than this, all together, are shortened to it.",
    allowed: "none or a number above 0",
  },
  accumulate: {
    about: "Batches whose gradients are added up before the parameters move.",
    allowed: "a whole number from 1 to 65,536",
  },
  views: {
    about:
      "Views of each photo that are drawn once, what the frozen part makes of them stored, and used in turn; with none, new views in every epoch.",
    allowed: "none or a whole number from 1 to 1,000",
  },
  checkpointActivations: {
    about: "Computes activations a second time instead of keeping them: slower, with less memory.",
    allowed: "true or false",
  },
};

/** The parts of fields that are mappings, by their path. */
export const RECIPE_PARTS: Readonly<Record<string, RecipeField>> = {
  "augmentation.rotation": {
    about: "Rotated by up to so many degrees, either way.",
    allowed: "a number from 0 to 180",
  },
  "augmentation.shear": {
    about: "Sheared by up to so many degrees, either way.",
    allowed: "a number from 0 to 80",
  },
  "augmentation.zoom": {
    about: "Least and most zoom, drawn for each axis; above 1 shows more of the photo, smaller.",
    allowed: "a list of two numbers above 0, the smaller first",
  },
  "augmentation.horizontalFlip": {
    about: "Every other view, on average, is mirrored left to right.",
    allowed: "true or false",
  },
  "augmentation.crop": {
    about: "Shows a part of the photo.",
    allowed: "none or a mapping of area and ratio",
  },
  "augmentation.crop.area": {
    about: "Least and most of the photo's area.",
    allowed: "a list of two numbers above 0, at most 1, the smaller first",
  },
  "augmentation.crop.ratio": {
    about: "Least and most width by height, 1 being that of the whole photo.",
    allowed: "a list of two numbers above 0, the smaller first",
  },
  "augmentation.brightness": {
    about: "Brighter or darker by up to this factor more or less.",
    allowed: "a number from 0 to 10",
  },
  "augmentation.contrast": {
    about: "More or less contrast, by up to this factor more or less.",
    allowed: "a number from 0 to 10",
  },
  "augmentation.saturation": {
    about: "More or less colour, by up to this factor more or less.",
    allowed: "a number from 0 to 10",
  },
  "augmentation.hue": {
    about: "Hues turned by up to so many degrees, either way.",
    allowed: "a number from 0 to 180",
  },
  "stages.epochs": { about: "How many epochs.", allowed: "a whole number from 1 to 100,000" },
  "stages.imageSize": { about: "Pixels on a side.", allowed: "a whole number from 8 to 4,096" },
  "optimiser.kind": { about: "The rule.", allowed: "sgd, rmsprop, adam, adamw or lbfgs" },
  "optimiser.learningRate": {
    about: "Size of the steps of the head; a schedule scales it.",
    allowed: "a number above 0, at most 1,000",
  },
  "optimiser.momentum": {
    about: "Of sgd: part of the last direction that is kept.",
    allowed: fraction,
  },
  "optimiser.nesterov": {
    about: "Of sgd: looks one step of momentum ahead.",
    allowed: "true or false",
  },
  "optimiser.rho": {
    about: "Of rmsprop: part of the mean square that is kept at each step.",
    allowed: fraction,
  },
  "optimiser.beta1": {
    about: "Of adam and adamw: part of the first moment that is kept at each step.",
    allowed: fraction,
  },
  "optimiser.beta2": {
    about: "Of adam and adamw: part of the second moment that is kept at each step.",
    allowed: fraction,
  },
  "optimiser.epsilon": {
    about: "Of rmsprop, adam and adamw: added to what steps are divided by.",
    allowed: "a number above 0",
  },
  "optimiser.weightDecay": {
    about: "Of sgd and adamw: how strongly weights are drawn to 0.",
    allowed: penalty,
  },
  "optimiser.l2": {
    about: "Of lbfgs: strength of the L2 penalty, or chosen among the training photos.",
    allowed: `cross-validated or ${penalty}`,
  },
  "schedule.kind": {
    about: "The same throughout, down to 0, or up and then far down.",
    allowed: "constant, cosine or one-cycle",
  },
  "schedule.warmup": {
    about: "Part of all steps in which the rate rises.",
    allowed: "a number from 0 to 1",
  },
};

/** What fields may be `none`, which is `null` in a recipe. */
export const NULLABLE: readonly (keyof Recipe)[] = [
  "augmentation",
  "earlyStopping",
  "ema",
  "clipNorm",
  "views",
];

/**
 * The field, or part of one, at a path in a recipe; places in a list count for nothing.
 *
 * @example
 * fieldAt(["stages", 0, "epochs"])?.allowed // => "a whole number from 1 to 100,000"
 */
export function fieldAt(path: readonly PropertyKey[]): RecipeField | undefined {
  const name = path.filter((key) => typeof key === "string").join(".");
  const fields: Readonly<Record<string, RecipeField>> = { ...RECIPE_FIELDS, ...RECIPE_PARTS };
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/**
 * What a mapping in a recipe may hold.
 *
 * @param path - where it stands; empty for the recipe itself
 * @param kind - an optimiser's kind, where it has one
 */
export function keysAt(path: readonly PropertyKey[], kind?: unknown): readonly string[] {
  if (path.length === 0) return Object.keys(RECIPE_FIELDS);
  const start = `${path.filter((key) => typeof key === "string").join(".")}.`;
  const all = Object.keys(RECIPE_PARTS)
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length))
    .filter((name) => !name.includes("."));
  const optimiser = optimiserSchema.options.find(({ shape }) => shape.kind.value === kind);
  if (path[0] !== "optimiser" || optimiser === undefined) return all;
  return all.filter((name) => Object.hasOwn(optimiser.shape, name));
}

/** Words as a list that ends in `or`. */
export function orList(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
