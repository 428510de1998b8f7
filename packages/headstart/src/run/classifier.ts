import { join } from "node:path";
import type { Backbone } from "../backbones/index.js";
import type { Dataset } from "../data/index.js";
import { writeAtomically } from "../files.js";
import type { Tensor } from "../onnx/index.js";
import { type EpochRow, type StepRow, writeResults, writeSteps } from "../training/index.js";
import type { RunContext } from "./context.js";
import { descend } from "./descend.js";
import { RUN_FILES } from "./folder.js";
import type { SizedPhotos } from "./sized-photos.js";
import { solve } from "./solve.js";

/** A trained classifier, and what is needed to measure it and to ship it. */
export interface TrainedClassifier {
  /** The photos that could be decoded. */
  readonly dataset: Dataset;
  /** The network as it was trained. */
  readonly backbone: Backbone;
  /** The features of any of the photos, as this network makes them, at the classifier's image size. */
  readonly sized: SizedPhotos;
  /**
   * Logits of the training photos, [N, C] in the order of `photosOf`, each from a head that was fitted without it; undefined where there are
   * none.
   */
  readonly heldOut: Float32Array | undefined;
  /** [D, C], on the network's features. */
  readonly weight: Tensor;
  /** [C]. */
  readonly bias: Tensor;
  readonly imageSize: number;
  readonly history: readonly EpochRow[];
  /** Every step; none where the head was solved. */
  readonly steps: readonly StepRow[];
  /** The epoch whose parameters they are; 0 for those before the first. */
  readonly bestEpoch: number;
  readonly seed: number;
}

/** Trains by the run's recipe: the head solved on stored features, or gradient steps. Leaves `results.csv`, as it stands after each epoch. */
export async function trainClassifier(context: RunContext, found: Dataset): Promise<TrainedClassifier> {
  const { recipe } = context.choices;
  const { optimiser } = recipe;
  if (optimiser.kind !== "lbfgs") return await descend(context, found, { ...recipe, optimiser });
  const solved = await solve(context, found, optimiser.l2);
  await writeHistory(context, solved.history);
  return solved;
}

/** Leaves `results.csv` with all epochs so far and, where training goes by steps, `steps.csv` with all of those. */
export async function writeHistory(
  { folder }: RunContext,
  history: readonly EpochRow[],
  steps: readonly StepRow[] = [],
): Promise<void> {
  await writeAtomically(join(folder, RUN_FILES.results), writeResults(history));
  if (steps.length > 0) await writeAtomically(join(folder, RUN_FILES.steps), writeSteps(steps));
}
