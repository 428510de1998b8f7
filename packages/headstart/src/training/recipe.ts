import { z } from "zod";
import type { Augmentation } from "../data/augmentation.js";
import { HeadstartError } from "../errors.js";
import type { Initial } from "./head.js";
import type { Optimiser } from "./optimisers.js";
import type { Schedule } from "./schedules.js";

/** Epochs at one image size. */
export interface Stage {
  /** Number of epochs; for L-BFGS, the most iterations. */
  readonly epochs: number;
  /** Side of the square that photos are resized to, in pixels. */
  readonly imageSize: number;
}

/** L-BFGS on the stored features of all training photos at once: logistic regression, solved to its optimum. */
export interface LogisticRegression {
  readonly kind: "lbfgs";
  /** Strength of the L2 penalty on the kernel, or `cross-validated`: chosen among the training photos. */
  readonly l2: number | "cross-validated";
}

/** A named set of choices for a training run. Plain data: it is written to a run's `recipe.json` and read back. */
export interface Recipe {
  /** What the recipe is called, in `recipe.json` and in the model. */
  readonly name: string;
  /** How photos are squashed to the square of the image size: bicubic with averaging, or by taking the nearest pixel. */
  readonly resize: "bicubic" | "nearest";
  /** `null` for photos as they are: their features are then computed once and stored. */
  readonly augmentation: Augmentation | null;
  /** One after the other; everything carries over from one to the next. */
  readonly stages: readonly Stage[];
  /** Photos in a step, and photos that go through the backbone at once. */
  readonly batchSize: number;
  /** Part of the features that is dropped at random in training, from 0 up to, not including, 1. */
  readonly dropout: number;
  /** How the head's kernel starts. */
  readonly initial: Initial;
  /** How the head is found: step by step from augmented photos or stored features, or solved on stored features. */
  readonly optimiser: Optimiser | LogisticRegression;
  /** Moves the optimiser's learning rate. */
  readonly schedule: Schedule;
  /** Part of the target that is spread evenly over all classes, from 0 up to, not including, 1. */
  readonly labelSmoothing: number;
  /** `balanced`: classes count the same in the loss, however many photos they have. */
  readonly classWeights: "none" | "balanced";
  /** Training stops after this many epochs without a better validation loss; `null` for never. */
  readonly earlyStopping: number | null;
}

/** Choices that take the place of a recipe's own. */
export interface RecipeOverrides {
  /** Such as `"5@224,15@299"`, see {@link parseStages}. */
  readonly stages?: string | readonly Stage[];
  readonly batchSize?: number;
  readonly learningRate?: number;
}

const fraction = z.number().min(0).lt(1);
const positive = z.number().positive();
const learningRate = positive.max(1000);

const stageSchema = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  imageSize: z.int().min(8).max(4096),
});

const optimiserSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("sgd"),
    learningRate,
    momentum: z.exactOptional(fraction),
    nesterov: z.exactOptional(z.boolean()),
    weightDecay: z.exactOptional(z.number().min(0)),
  }),
  z.strictObject({ kind: z.literal("rmsprop"), learningRate, rho: fraction, epsilon: positive }),
  z.strictObject({
    kind: z.literal("adam"),
    learningRate,
    beta1: fraction,
    beta2: fraction,
    epsilon: positive,
  }),
  z.strictObject({
    kind: z.literal("adamw"),
    learningRate,
    beta1: fraction,
    beta2: fraction,
    epsilon: positive,
    weightDecay: z.number().min(0),
  }),
  z.strictObject({
    kind: z.literal("lbfgs"),
    l2: z.union([z.number().min(0), z.literal("cross-validated")]),
  }),
]);

const augmentationSchema = z.strictObject({
  rotation: z.number().min(0).max(180),
  shear: z.number().min(0).max(80),
  zoom: z
    .tuple([positive, positive])
    .refine(([smallest, largest]) => smallest <= largest, "the smallest zoom is larger than the largest"),
  horizontalFlip: z.boolean(),
});

/** What a {@link Recipe} may be, each part by itself; {@link resolveRecipe} also checks that the parts go together. */
export const recipeSchema: z.ZodType<Recipe> = z.strictObject({
  name: z.string().min(1),
  resize: z.enum(["bicubic", "nearest"]),
  augmentation: augmentationSchema.nullable(),
  stages: z.array(stageSchema).min(1),
  batchSize: z.int().min(1).max(65_536),
  dropout: fraction,
  initial: z.enum(["glorot-uniform", "zeros"]),
  optimiser: optimiserSchema,
  schedule: z.strictObject({
    kind: z.enum(["constant", "cosine", "one-cycle"]),
    warmup: z.exactOptional(z.number().min(0).max(1)),
  }),
  labelSmoothing: fraction,
  classWeights: z.enum(["none", "balanced"]),
  earlyStopping: z.int().min(1).nullable(),
});

/**
 * The recipes that come with Headstart.
 *
 * - `default`: features of the photos as they are, computed once; a softmax head solved by L-BFGS, its L2 penalty chosen by
 *   cross-validation among the training photos.
 * - `keras-classic`: the transfer-learning recipe of the classic Keras tutorial: augmented photos, dropout, RMSprop, five epochs at 224
 *   pixels and fifteen at 299.
 */
export const RECIPES: Readonly<Record<"default" | "keras-classic", Recipe>> = {
  default: {
    name: "default",
    resize: "bicubic",
    augmentation: null,
    stages: [{ epochs: 300, imageSize: 224 }],
    batchSize: 32,
    dropout: 0,
    initial: "zeros",
    optimiser: { kind: "lbfgs", l2: "cross-validated" },
    schedule: { kind: "constant" },
    labelSmoothing: 0,
    classWeights: "none",
    earlyStopping: null,
  },
  "keras-classic": {
    name: "keras-classic",
    resize: "nearest",
    augmentation: { rotation: 10, shear: 0.1, zoom: [0.9, 1.1], horizontalFlip: true },
    stages: [
      { epochs: 5, imageSize: 224 },
      { epochs: 15, imageSize: 299 },
    ],
    batchSize: 40,
    dropout: 0.4,
    initial: "glorot-uniform",
    optimiser: { kind: "rmsprop", learningRate: 0.001, rho: 0.9, epsilon: 1e-7 },
    schedule: { kind: "constant" },
    labelSmoothing: 0,
    classWeights: "none",
    earlyStopping: null,
  },
};

/**
 * A recipe with what the user changed in it, checked whole.
 *
 * @param choice - the name of one of {@link RECIPES}, or a recipe of one's own
 * @param overrides - choices that take the place of the recipe's
 * @throws HeadstartError `INVALID_OPTION` for an unknown name, a number out of range, and choices that do not go together
 *
 * @example
 * resolveRecipe("keras-classic", { stages: "5@224", learningRate: 0.01 })
 */
export function resolveRecipe(choice: string | Recipe, overrides: RecipeOverrides = {}): Recipe {
  const base = typeof choice === "string" ? namedRecipe(choice) : validate(choice);
  const { stages, batchSize, learningRate } = overrides;
  const recipe = validate({
    ...base,
    ...(stages !== undefined && { stages: typeof stages === "string" ? parseStages(stages) : stages }),
    ...(batchSize !== undefined && { batchSize }),
    ...(learningRate !== undefined && { optimiser: withLearningRate(base.optimiser, learningRate) }),
  });
  if (recipe.optimiser.kind === "lbfgs") expectStoredFeatures(recipe);
  return recipe;
}

/**
 * Reads stages as the command line takes them: epochs, `@`, image size; several separated by commas.
 *
 * @throws HeadstartError `INVALID_OPTION` if that is not what it says, or a number is out of range
 *
 * @example
 * parseStages("5@224,15@299") // => [{ epochs: 5, imageSize: 224 }, { epochs: 15, imageSize: 299 }]
 */
export function parseStages(text: string): Stage[] {
  return text.split(",").map((part) => {
    const [, epochs, imageSize] = /^\s*(\d+)\s*@\s*(\d+)\s*$/.exec(part) ?? [];
    const stage = stageSchema.safeParse({ epochs: Number(epochs), imageSize: Number(imageSize) });
    if (stage.success) return stage.data;
    throw new HeadstartError(
      "INVALID_OPTION",
      epochs === undefined
        ? `"${part}" is not a stage.`
        : `The stage "${part.trim()}" is out of range: its ${sentence(stage.error)}.`,
      "Write epochs@size, several separated by commas, such as 5@224,15@299.",
    );
  });
}

function namedRecipe(name: string): Recipe {
  const entry = Object.entries(RECIPES).find(([known]) => known === name);
  if (entry !== undefined) return entry[1];
  throw new HeadstartError(
    "INVALID_OPTION",
    `There is no recipe called "${name}".`,
    `The recipes are: ${Object.keys(RECIPES).join(", ")}.`,
  );
}

function withLearningRate(optimiser: Recipe["optimiser"], learningRate: number): Recipe["optimiser"] {
  if (optimiser.kind !== "lbfgs") return { ...optimiser, learningRate };
  throw new HeadstartError(
    "INVALID_OPTION",
    "L-BFGS takes no learning rate.",
    "Leave the learning rate out, or choose a recipe with another optimiser, such as keras-classic.",
  );
}

function validate(recipe: Recipe): Recipe {
  const result = recipeSchema.safeParse(recipe);
  if (result.success) return result.data;
  throw new HeadstartError(
    "INVALID_OPTION",
    `The recipe cannot be used: ${sentence(result.error)}.`,
    "Correct that value.",
    { cause: result.error },
  );
}

/** What zod found first, as half a sentence: where, and what is wrong. */
function sentence({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return "it is not valid";
  const where = issue.path.join(".");
  if (issue.code === "too_small" && issue.origin !== "array" && issue.origin !== "string")
    return `${where} must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
  if (issue.code === "too_big" && issue.origin !== "array")
    return `${where} must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
  const message = issue.message.replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  return where === "" ? message : `${where}: ${message}`;
}

/** L-BFGS solves plain logistic regression on stored features, so a choice that it would pass over in silence is an error. */
function expectStoredFeatures(recipe: Recipe): void {
  const { stages, schedule } = recipe;
  const conflicts: readonly (readonly [boolean, string])[] = [
    [stages.length > 1, `it takes one stage, not ${stages.length}`],
    [recipe.augmentation !== null, "it takes no augmentation"],
    [recipe.dropout > 0, "it takes no dropout"],
    [recipe.labelSmoothing > 0, "it takes no label smoothing"],
    [recipe.classWeights !== "none", "it takes no class weights"],
    [schedule.kind !== "constant" || schedule.warmup !== undefined, "it takes no learning-rate schedule"],
    [recipe.earlyStopping !== null, "it takes no early stopping"],
  ];
  const conflict = conflicts.find(([applies]) => applies);
  if (conflict === undefined) return;
  throw new HeadstartError(
    "INVALID_OPTION",
    `L-BFGS solves the head on stored features of the photos as they are: ${conflict[1]}.`,
    "Choose a recipe with another optimiser, such as keras-classic, or leave that out.",
  );
}
