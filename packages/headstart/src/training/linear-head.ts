import { HeadstartError } from "../errors.js";
import type { Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Held, Runtime } from "../runtime/index.js";
import { assignFolds } from "./folds.js";
import { type Block, type LabelledFeatures, LinearFit, range, rowsOf } from "./linear-fit.js";

/** Strengths of the L2 penalty that cross-validation tries, from strong to weak, on features of unit variance. */
const STRENGTHS: readonly number[] = Array.from({ length: 8 }, (_, i) => 10 ** (-0.75 * i));

/** What the fit reports while it works. */
export type FitProgress =
  | {
      readonly kind: "strength";
      readonly done: number;
      readonly total: number;
      readonly l2: number;
      readonly loss: number;
    }
  | {
      readonly kind: "iteration";
      readonly iteration: number;
      /** Mean cross-entropy of the training photos, without the penalty. */
      readonly loss: number;
      readonly accuracy: number;
      readonly validationLoss: number | null;
      readonly validationAccuracy: number | null;
    };

/** How {@link fitLinearHead} fits. */
export interface FitOptions {
  readonly features: number;
  readonly classes: number;
  /** Strength of the penalty, or `cross-validated` to have it chosen. */
  readonly l2: number | "cross-validated";
  /** Most iterations of the last fit. */
  readonly iterations: number;
  readonly random: Random;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FitProgress) => void;
}

/** A fitted head: `weight` [D, C] and `bias` [C], on features as they come. */
export interface LinearHead {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Strength of the penalty, as given or as chosen. */
  readonly l2: number;
  /** What held-out training photos gave for each strength that was tried. */
  readonly crossValidation: readonly Tried[];
  /**
   * Logits of each training photo, [N, C], from the head of the folds that it is not in, at the strength that was chosen. Undefined where the
   * strength was given.
   */
  readonly heldOut: Float32Array<ArrayBuffer> | undefined;
}

/** A strength of the penalty, and what the folds that were left out gave: mean cross-entropy and accuracy. */
export interface Tried {
  readonly l2: number;
  readonly loss: number;
  readonly accuracy: number;
}

/**
 * Fits a softmax head on stored features by L-BFGS: the mean cross-entropy plus `l2 / 2` times the squared weights is minimised. Features
 * are centred and divided by one number for all, so that a strength means the same for every backbone; the fitted head takes that back.
 *
 * The strength is chosen by cross-validation among the training photos: the one with the smallest cross-entropy on the folds left out.
 * Each fold goes from the strongest to weaker ones, starting from where it stood, until two in a row are no better.
 *
 * Source: the objective is that of logistic regression in T. Hastie et al., The Elements of Statistical Learning, section 4.4.
 *
 * @param runtime - runs the graphs and holds the features
 * @param train - the photos to fit on
 * @param validation - photos to measure on after each iteration of the last fit; they decide nothing
 * @param options - sizes, penalty, limits
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it, `INVALID_DATA` if a feature is infinite or not a number
 */
export async function fitLinearHead(
  runtime: Runtime,
  train: LabelledFeatures,
  validation: LabelledFeatures | undefined,
  options: FitOptions,
): Promise<LinearHead> {
  const { features, classes } = options;
  const folds = options.l2 === "cross-validated" ? assignFolds(train, options.random) : [range(train.count)];
  const fit = await LinearFit.load(runtime, features, classes);
  try {
    const statistics = await fit.statistics(train, folds);
    const blocks: Block[][] = [];
    for (const rows of folds) blocks.push(await fit.hold(train, rows, statistics));
    const held = validation && (await fit.hold(validation, range(validation.count), statistics));
    const { l2, crossValidation, heldOut } =
      options.l2 === "cross-validated"
        ? await chooseStrength(fit, { folds, blocks, photos: train.count }, options)
        : { l2: options.l2, crossValidation: [], heldOut: undefined };
    const point = await fit.zeros();
    const all = blocks.flat();
    let reported = 0;
    const onIteration = async (iteration: number, reached: Held) => {
      // The point reached is the last one that the objective was asked about.
      const { loss, accuracy } = fit.last;
      const later = held && (await fit.measure(held, reached));
      reported = iteration;
      options.onProgress?.({
        kind: "iteration",
        iteration,
        loss,
        accuracy,
        validationLoss: later?.loss ?? null,
        validationAccuracy: later?.accuracy ?? null,
      });
      stopIfAsked(options.signal);
    };
    await fit.minimise(all, l2, point, { iterations: options.iterations, tolerance: 1e-6, onIteration });
    // Photos that cannot be told apart leave nothing to do; where the fit stands is told all the same.
    if (reported === 0) await onIteration(1, point);
    const { weight, bias } = await fit.result(point, statistics);
    return { weight, bias, l2, crossValidation, heldOut };
  } finally {
    await fit.close();
  }
}

/** Photos divided into folds: the rows of each fold, and its features in the same order. */
interface Folds {
  readonly folds: readonly (readonly number[])[];
  readonly blocks: readonly (readonly Block[])[];
  /** Number of photos in all folds. */
  readonly photos: number;
}

/** Tries strengths on the folds that are left out; those photos' logits are kept of the best. */
async function chooseStrength(
  fit: LinearFit,
  { folds, blocks, photos }: Folds,
  { classes, signal, onProgress }: FitOptions,
): Promise<Pick<LinearHead, "l2" | "crossValidation" | "heldOut">> {
  const crossValidation: Tried[] = [];
  const heldOut = new Float32Array(photos * classes);
  const parts = await Promise.all(
    blocks.map(async (left, k) => ({
      left,
      rows: folds[k] ?? [],
      rest: blocks.filter((fold) => fold !== left).flat(),
      point: await fit.zeros(),
    })),
  );
  for (const l2 of STRENGTHS) {
    let [loss, accuracy] = [0, 0];
    for (const { left, rest, point } of parts) {
      await fit.minimiseRoughly(rest, l2, point, () => stopIfAsked(signal));
      const measured = await fit.measure(left, point);
      const share = rowsOf(left) / photos;
      loss += measured.loss * share;
      accuracy += measured.accuracy * share;
    }
    crossValidation.push({ l2, loss, accuracy });
    const { length: done } = crossValidation;
    onProgress?.({ kind: "strength", done, total: STRENGTHS.length, l2, loss });
    if (bestStrength(crossValidation).l2 === l2)
      for (const { left, rows, point } of parts) await fit.writeLogits(left, rows, point, heldOut);
    if (noBetterTwice(crossValidation)) break;
  }
  return { l2: bestStrength(crossValidation).l2, crossValidation, heldOut };
}

/** The strength with the smallest cross-entropy of held-out photos. */
export function bestStrength(tried: readonly Tried[]): Tried {
  return tried.reduce((first, next) => (next.loss < first.loss ? next : first));
}

function noBetterTwice(tried: readonly Tried[]): boolean {
  return tried.length > 2 && bestStrength(tried.slice(0, -2)).loss <= bestStrength(tried.slice(-2)).loss;
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The fit was interrupted.");
}
