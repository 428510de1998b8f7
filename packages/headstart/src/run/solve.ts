import type { Dataset } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { createRandom } from "../random.js";
import {
  type EpochRow,
  type FitProgress,
  fitLinearHead,
  type LinearHead,
  type Recipe,
  type Stage,
} from "../training/index.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunContext } from "./context.js";
import { withoutFailures } from "./dataset.js";
import { labelledFeatures, SizedPhotos } from "./sized-photos.js";

/** L-BFGS on the stored features of all training photos. */
export async function solve(
  context: RunContext,
  found: Dataset,
  l2: number | "cross-validated",
): Promise<TrainedClassifier> {
  const { backbone, choices, report } = context;
  const stage = onlyStage(choices.recipe);
  const sized = await SizedPhotos.open(context, stage.imageSize);
  const dataset = withoutFailures(found, await sized.extract(found.photos));
  const history: EpochRow[] = [];
  const { weight, bias, heldOut } = await solveHead(context, dataset, sized, {
    l2,
    iterations: stage.epochs,
    onIteration: ({ iteration, loss, accuracy, validationLoss, validationAccuracy }) => {
      const row: EpochRow = {
        epoch: iteration,
        stage: 1,
        imageSize: stage.imageSize,
        loss,
        accuracy,
        validationLoss,
        validationAccuracy,
        learningRate: null,
      };
      history.push(row);
      report({ kind: "epoch", row });
    },
  });
  return {
    dataset,
    backbone,
    sized,
    heldOut,
    weight,
    bias,
    imageSize: stage.imageSize,
    history,
    steps: [],
    bestEpoch: history.length,
    seed: choices.seed,
  };
}

/** How {@link solveHead} solves. */
export interface SolveOptions {
  readonly l2: number | "cross-validated";
  /** Most iterations. */
  readonly iterations: number;
  readonly onIteration?: (iteration: Extract<FitProgress, { kind: "iteration" }>) => void;
}

/** The head that logistic regression finds on the stored features of the training photos. */
export async function solveHead(
  { backbone, choices, report, runtime, signal }: RunContext,
  dataset: Dataset,
  sized: SizedPhotos,
  { l2, iterations, onIteration }: SolveOptions,
): Promise<LinearHead> {
  const validation = labelledFeatures(dataset, "validation", sized);
  const head = await fitLinearHead(
    runtime,
    labelledFeatures(dataset, "train", sized),
    validation.labels.length > 0 ? validation : undefined,
    {
      features: backbone.features,
      classes: dataset.classes.length,
      l2,
      iterations,
      random: createRandom(choices.seed, "folds"),
      ...(signal && { signal }),
      onProgress: (progress) => {
        if (progress.kind === "iteration") {
          onIteration?.(progress);
          return;
        }
        const { done, total } = progress;
        report({ kind: "progress", phase: "choosing the L2 penalty", done, total, detail: "" });
      },
    },
  );
  report({ kind: "note", message: l2Sentence(head.l2, l2) });
  return head;
}

function onlyStage({ name, stages }: Recipe): Stage {
  const [stage] = stages;
  if (stage === undefined) throw new HeadstartError("INVALID_OPTION", `The recipe ${name} has no stage.`);
  return stage;
}

function l2Sentence(l2: number, asked: number | "cross-validated"): string {
  const strength = l2.toPrecision(2);
  return asked === "cross-validated"
    ? `L2 penalty ${strength}, chosen by cross-validation among the training photos`
    : `L2 penalty ${strength}`;
}
