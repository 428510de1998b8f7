import { HeadstartError } from "../errors.js";
import { writeAtomically } from "../files.js";
import { drawLearningRates } from "../report/index.js";
import { Runtime } from "../runtime/index.js";
import {
  type LearningRatePoint,
  type LearningRateRange,
  learningRatesFor,
  rateBelowRunAway,
  suggestLearningRate,
  sweepLearningRates,
} from "../training/index.js";
import { begin, readPhotos, type TrainingOptions } from "./begin.js";
import { decodable, trainingOf } from "./descend.js";

/** Choices for {@link findLearningRate}. Everything has a default. */
export interface LearningRateOptions extends TrainingOptions, LearningRateRange {
  /** The picture that is written. Default: `lr-find.png`. */
  readonly out?: string;
}

/** What {@link findLearningRate} found. */
export interface FoundLearningRate {
  /** The rate to train with; `null` where the loss neither fell nor ran away. */
  readonly suggestion: number | null;
  /** What the suggestion is: the middle of the longest fall of the loss, or, where it never fell, a tenth of the rate at which it turned round. */
  readonly basis: "valley" | "minimum";
  /** The rate at which the loss falls fastest; `null` where it never falls. */
  readonly steepest: number | null;
  /** The loss that each step found, at its rate. */
  readonly points: readonly LearningRatePoint[];
  /** The rate that the recipe has. */
  readonly recipeRate: number;
  /** Path of the picture. */
  readonly out: string;
}

/**
 * Trains for a few steps at rising learning rates, and suggests one at which the loss falls well (L. N. Smith, Cyclical learning rates for
 * training neural networks, 2017). Writes a picture of loss against learning rate. Nothing else is kept.
 *
 * @param photos - as for `train`
 * @param options - recipe, network and range; the recipe must go by gradient steps, and is `keras-classic` where neither it nor `fineTune`
 *   is given
 * @throws HeadstartError as `train`; `INVALID_OPTION` for a recipe that has no learning rate
 *
 * @example
 * import { findLearningRate } from "headstart";
 * const { suggestion } = await findLearningRate("photos", { recipe: "keras-classic", steps: 20, batchSize: 8 });
 */
export async function findLearningRate(
  photos: string,
  options: LearningRateOptions = {},
): Promise<FoundLearningRate> {
  const { out = "lr-find.png", signal, onProgress, recipe: named } = options;
  checkRange(options);
  const isHead = (options.fineTune ?? "head") === "head";
  const { choices, network } = await begin(photos, {
    ...options,
    ...(named === undefined && isHead && { recipe: "keras-classic" }),
  });
  const { optimiser, ...recipe } = choices.recipe;
  if (optimiser.kind === "lbfgs")
    throw new HeadstartError(
      "INVALID_OPTION",
      `The recipe ${recipe.name} solves the head by L-BFGS, which takes no learning rate.`,
      "Choose a recipe of gradient steps: --recipe fine-tune, last-stage or keras-classic.",
    );
  const found = await readPhotos(choices, options);
  const runtime = Runtime.start(choices);
  try {
    const report = (progress: Parameters<NonNullable<typeof onProgress>>[0]) => onProgress?.(progress);
    const context = { folder: "", choices, ...network, runtime, report, ...(signal && { signal }) };
    const rates = learningRatesFor(options);
    const dataset = await decodable(context, found);
    const points = await sweepLearningRates(runtime, {
      ...trainingOf(context, dataset, { ...recipe, optimiser }),
      rates,
      onStep: (done) =>
        report({
          kind: "progress",
          phase: "trying learning rates",
          done: done.length,
          total: rates.length,
          detail: "",
          figure: `${(done.at(-1)?.learningRate ?? 0).toExponential(1)}: loss ${(done.at(-1)?.loss ?? 0).toFixed(3)}`,
        }),
    });
    if (signal?.aborted)
      throw new HeadstartError("INTERRUPTED", "The search for a learning rate was interrupted.");
    const { suggestion: valley, steepest = null } = suggestLearningRate(points);
    const suggestion = valley ?? rateBelowRunAway(points) ?? null;
    const title = `Learning rates: ${recipe.name} on ${network.backbone.name}`;
    const picture = await drawLearningRates(points, {
      title,
      ...(valley !== undefined && { suggestion: valley }),
      ...(steepest !== null && { steepest }),
    });
    await writeAtomically(out, picture);
    const basis = valley === undefined ? "minimum" : "valley";
    return { suggestion, basis, steepest, points, recipeRate: optimiser.learningRate, out };
  } finally {
    await runtime.close();
  }
}

function checkRange({ lowest = 1e-7, highest = 10, steps = 100 }: LearningRateRange): void {
  if (!(lowest > 0 && highest > lowest && highest <= 1000))
    throw new HeadstartError(
      "INVALID_OPTION",
      `Learning rates from ${lowest} to ${highest} cannot be tried.`,
      "The lowest must be more than 0, the highest more than the lowest and at most 1000.",
    );
  if (!Number.isInteger(steps) || steps < 10 || steps > 10_000)
    throw new HeadstartError("INVALID_OPTION", `There are 10 to 10,000 steps, not ${steps}.`);
}
