import { join } from "node:path";
import { trained } from "../backbones/index.js";
import type { Dataset } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { Tensor } from "../onnx/index.js";
import { createRandom } from "../random.js";
import {
  HEAD_PARAMETERS,
  initialHead,
  type Optimiser,
  type Recipe,
  type Training,
  trainNetwork,
} from "../training/index.js";
import { type TrainedClassifier, writeHistory } from "./classifier.js";
import { dividedAt, isDrawn, type RunContext, statisticsOf, valuesOf } from "./context.js";
import { photosOf, withoutFailures, writeData } from "./dataset.js";
import { RUN_FILES } from "./folder.js";
import { SizedPhotos } from "./sized-photos.js";
import { solveHead } from "./solve.js";
import { openStage } from "./stage-data.js";

/** The most iterations in which the head that training begins with is solved. */
const SOLVE_ITERATIONS = 300;

/** A recipe that goes by gradient steps. */
export type StepRecipe = Recipe & { readonly optimiser: Optimiser };

/** Gradient steps, on augmented photos or on what is stored of them. */
export async function descend(
  context: RunContext,
  found: Dataset,
  recipe: StepRecipe,
): Promise<TrainedClassifier> {
  const { choices, folder, report, runtime } = context;
  const dataset = await decodable(context, found);
  await writeData(folder, dataset);
  const validation = photosOf(dataset, "validation");
  if (validation.photos.length === 0)
    throw new HeadstartError(
      "INVALID_DATA",
      "None of the validation photos can be decoded, and the best epoch is chosen by them.",
      `${RUN_FILES.data} says what is wrong with each.`,
    );
  const { values, ...outcome } = await trainNetwork(runtime, {
    ...trainingOf(context, dataset, recipe),
    validationLabels: validation.labels,
    checkpoint: join(folder, RUN_FILES.checkpoint),
    onStep: ({ epoch, epochs, done, total, loss }) =>
      report({
        kind: "progress",
        phase: "training",
        done,
        total,
        detail: `epoch ${epoch} of ${epochs}`,
        figure: `loss ${loss.toFixed(3)}`,
      }),
    onValidation: (done, total) => report({ kind: "progress", phase: "validating", done, total, detail: "" }),
    onStart: ({ loss, accuracy }) =>
      report({
        kind: "note",
        message: `before the first step: validation loss ${loss.toFixed(3)}, accuracy ${(accuracy * 100).toFixed(1)} %`,
      }),
    onEpoch: async (row, history, steps) => {
      await writeHistory(context, history, steps);
      report({ kind: "epoch", row });
    },
  });
  const { weight, bias } = headOf(values);
  const divided = dividedAt(context);
  const head: readonly string[] = HEAD_PARAMETERS;
  const layers = new Map([...values].filter(([name]) => !head.includes(name)));
  const backbone = divided === undefined ? context.backbone : trained(context.pretrained, divided, layers);
  const sized = await SizedPhotos.open({ ...context, backbone }, outcome.imageSize);
  const measured = withoutFailures(dataset, await sized.extract(dataset.photos, "of the trained network"));
  return {
    dataset: measured,
    backbone,
    sized,
    heldOut: undefined,
    weight,
    bias,
    ...outcome,
    seed: choices.seed,
  };
}

/** What is trained in a run, on the photos that can be decoded. */
export function trainingOf(context: RunContext, dataset: Dataset, recipe: StepRecipe): Training {
  const { choices, pretrained, signal } = context;
  const train = photosOf(dataset, "train");
  const validation = photosOf(dataset, "validation");
  return {
    recipe,
    seed: choices.seed,
    features: pretrained.features,
    classes: dataset.classes.length,
    labels: train.labels,
    ...(signal && { signal }),
    initial: () => initialValues(context, dataset, recipe),
    prepare: ({ imageSize }) => openStage(context, imageSize, train.photos, validation.photos),
  };
}

/** The photos that can be decoded. */
export async function decodable(context: RunContext, found: Dataset): Promise<Dataset> {
  const { choices, frozen, pretrained } = context;
  const { recipe } = choices;
  const imageSize = recipe.stages[0]?.imageSize ?? pretrained.imageSize;
  const sized = await SizedPhotos.open(context, imageSize, frozen);
  const isStored = frozen !== undefined && !isDrawn(recipe);
  // What a network with layers of its own makes of the test photos is asked for once it is trained.
  const photos =
    recipe.fineTune === "head" ? found.photos : found.photos.filter(({ split }) => split !== "test");
  const failures = await (isStored ? sized.extract(photos) : sized.decode(found.photos));
  await sized.close();
  return withoutFailures(found, failures);
}

/** Everything that trains, as it is before the first step. */
async function initialValues(
  context: RunContext,
  dataset: Dataset,
  recipe: StepRecipe,
): Promise<ReadonlyMap<string, Tensor>> {
  const divided = dividedAt(context);
  const head = await headBefore(context, dataset, recipe);
  if (divided === undefined) return new Map(head);
  const moving = recipe.batchNorm === "train" ? statisticsOf(divided) : [];
  return new Map([...head, ...valuesOf(divided), ...moving]);
}

async function headBefore(
  context: RunContext,
  dataset: Dataset,
  { initial, stages }: StepRecipe,
): Promise<Iterable<[string, Tensor]>> {
  const { backbone, choices } = context;
  const random = createRandom(choices.seed, "initial head");
  if (initial !== "solved") return initialHead(initial, backbone.features, dataset.classes.length, random);
  const sized = await SizedPhotos.open(context, stages[0]?.imageSize ?? backbone.imageSize);
  await sized.extract(dataset.photos.filter(({ split }) => split !== "test"));
  const { weight, bias } = await solveHead(context, dataset, sized, {
    l2: "cross-validated",
    iterations: SOLVE_ITERATIONS,
  });
  await sized.close();
  return [
    ["head.weight", weight],
    ["head.bias", bias],
  ];
}

function headOf(values: ReadonlyMap<string, Tensor>): { readonly weight: Tensor; readonly bias: Tensor } {
  const [weight, bias] = [values.get("head.weight"), values.get("head.bias")];
  if (weight === undefined || bias === undefined)
    throw new HeadstartError("INVALID_RUN", "The checkpoint has no head.", "Start a new run.");
  return { weight, bias };
}
