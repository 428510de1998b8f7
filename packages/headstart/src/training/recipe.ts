import { z } from "zod";
import { type Augmentation, augmentationSchema } from "../data/augmentation.js";
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
  /** What the best epoch is chosen by, on the validation photos: the smallest loss, or the highest accuracy and among equals the smallest loss. */
  readonly monitor: "loss" | "accuracy";
  /** Training stops after this many epochs that were no better on the validation photos; `null` for never. */
  readonly earlyStopping: number | null;
  /**
   * What trains besides the head: `head` for nothing else, `last-stage` for the layers behind the backbone's last reduction of size, `all`
   * for every layer, or the beginning of a layer's name: that layer and all behind it.
   */
  readonly fineTune: string;
  /** How much slower the backbone learns the further from the head: each of its stages has this times the rate of the stage behind it, from 0 to 1. */
  readonly layerDecay: number;
  /** What batch normalisation in the trainable part uses: `frozen`, its running statistics; `train`, those of the batch, and they are updated. */
  readonly batchNorm: "frozen" | "train";
  /** Mixes photos in pairs, by a share from Beta(mixup, mixup) (Zhang et al., 2018); 0 for never. */
  readonly mixup: number;
  /** Pastes a box of one photo into another, of an area from Beta(cutmix, cutmix) (Yun et al., 2019); 0 for never. */
  readonly cutmix: number;
  /** Part of the running mean of the weights that is kept at each step; the mean is what is measured and shipped. `null` for no mean. */
  readonly ema: number | null;
  /** Gradients longer than this, all together, are shortened to it; `null` for never. */
  readonly clipNorm: number | null;
  /** Batches whose gradients are added up before the parameters move. */
  readonly accumulate: number;
  /** Views of each photo that are drawn once, their activations stored, and used in turn; `null` for new views in every epoch. */
  readonly views: number | null;
  /** Computes activations a second time in the backward pass instead of keeping them: slower, with less memory. */
  readonly checkpointActivations: boolean;
}

const fraction = z.number().min(0).lt(1);
const positive = z.number().positive();
const learningRate = positive.max(1000);

/** What a {@link Stage} may be. */
export const stageSchema = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  imageSize: z.int().min(8).max(4096),
});

/** What {@link Recipe.optimiser} may be. */
export const optimiserSchema = z.discriminatedUnion("kind", [
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

/** What a {@link Recipe} may be, each part by itself; {@link conflictsOf} says whether the parts go together. */
export const recipeSchema: z.ZodType<Recipe> = z.strictObject({
  name: z.string().min(1),
  resize: z.enum(["bicubic", "nearest"]),
  augmentation: augmentationSchema.nullable(),
  stages: z.array(stageSchema).min(1),
  batchSize: z.int().min(1).max(65_536),
  dropout: fraction,
  initial: z.enum(["glorot-uniform", "zeros", "solved"]),
  optimiser: optimiserSchema,
  schedule: z.strictObject({
    kind: z.enum(["constant", "cosine", "one-cycle"]),
    warmup: z.exactOptional(z.number().min(0).max(1)),
  }),
  labelSmoothing: fraction,
  classWeights: z.enum(["none", "balanced"]),
  monitor: z.enum(["loss", "accuracy"]).default("loss"),
  earlyStopping: z.int().min(1).nullable(),
  fineTune: z.string().min(1).default("head"),
  layerDecay: positive.max(1).default(1),
  batchNorm: z.enum(["frozen", "train"]).default("frozen"),
  mixup: z.number().min(0).max(100).default(0),
  cutmix: z.number().min(0).max(100).default(0),
  ema: fraction.nullable().default(null),
  clipNorm: positive.nullable().default(null),
  accumulate: z.int().min(1).max(65_536).default(1),
  views: z.int().min(1).max(1000).nullable().default(null),
  checkpointActivations: z.boolean().default(false),
});
