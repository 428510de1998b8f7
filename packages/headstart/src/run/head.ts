import { join } from "node:path";
import { composeFront } from "../backbones/index.js";
import { type Augmentation, type Dataset, drawAugmentation, type Photo } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { writeAtomically } from "../files.js";
import { float32, int64, type Tensor } from "../onnx/index.js";
import { createRandom } from "../random.js";
import {
  affineStage,
  composeStoredFront,
  type EpochRow,
  fitLinearHead,
  type Optimiser,
  type Recipe,
  type Stage,
  type StageData,
  trainHead,
  writeResults,
} from "../training/index.js";
import type { RunContext } from "./context.js";
import { photosOf, withoutFailures, writeData } from "./dataset.js";
import { RUN_FILES } from "./folder.js";
import { labelledFeatures, SizedPhotos } from "./sized-photos.js";

/** A trained head, and what is needed to measure it and to ship it. */
export interface ClassifierHead {
  /** The photos that could be decoded. */
  readonly dataset: Dataset;
  /** The features of any of them at the head's image size. */
  readonly sized: SizedPhotos;
  /** [D, C], on the backbone's features. */
  readonly weight: Tensor;
  /** [C]. */
  readonly bias: Tensor;
  readonly imageSize: number;
  readonly history: readonly EpochRow[];
  /** The epoch whose head it is. */
  readonly bestEpoch: number;
  readonly seed: number;
}

/** Trains the head by the run's recipe: solved on stored features, or by gradient steps. Leaves `results.csv`, as it stands after each epoch. */
export async function trainClassifierHead(context: RunContext, found: Dataset): Promise<ClassifierHead> {
  const { recipe } = context.choices;
  const { optimiser } = recipe;
  const head =
    optimiser.kind === "lbfgs"
      ? await solve(context, found, optimiser.l2)
      : await descend(context, found, { ...recipe, optimiser });
  await writeHistory(context, head.history);
  return head;
}

async function writeHistory({ folder }: RunContext, history: readonly EpochRow[]): Promise<void> {
  await writeAtomically(join(folder, RUN_FILES.results), writeResults(history));
}

/** L-BFGS on the stored features of all training photos. */
async function solve(
  context: RunContext,
  found: Dataset,
  l2: number | "cross-validated",
): Promise<ClassifierHead> {
  const { backbone, choices, report, runtime, signal } = context;
  const stage = onlyStage(choices.recipe);
  const sized = await SizedPhotos.open(context, stage.imageSize);
  const dataset = withoutFailures(found, await sized.extract(found.photos));
  const history: EpochRow[] = [];
  const validation = labelledFeatures(dataset, "validation", sized);
  const fitted = await fitLinearHead(
    runtime,
    labelledFeatures(dataset, "train", sized),
    validation.labels.length > 0 ? validation : undefined,
    {
      features: backbone.features,
      classes: dataset.classes.length,
      l2,
      iterations: stage.epochs,
      random: createRandom(choices.seed, "folds"),
      ...(signal && { signal }),
      onProgress: (progress) => {
        if (progress.kind === "strength") {
          const { done, total } = progress;
          report({ kind: "progress", phase: "choosing the L2 penalty", done, total, detail: "" });
          return;
        }
        const { iteration, loss, accuracy, validationLoss, validationAccuracy } = progress;
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
    },
  );
  report({ kind: "note", message: l2Sentence(fitted.l2, l2) });
  return {
    dataset,
    sized,
    weight: fitted.weight,
    bias: fitted.bias,
    imageSize: stage.imageSize,
    history,
    bestEpoch: history.length,
    seed: choices.seed,
  };
}

/** Gradient steps on augmented photos, or on stored features where the recipe does not augment. */
async function descend(
  context: RunContext,
  found: Dataset,
  recipe: Recipe & { readonly optimiser: Optimiser },
): Promise<ClassifierHead> {
  const { backbone, choices, folder, report, runtime, signal } = context;
  const first = await SizedPhotos.open(context, recipe.stages[0]?.imageSize ?? backbone.imageSize);
  const failures = await (recipe.augmentation === null
    ? first.extract(found.photos)
    : first.decode(found.photos));
  const dataset = withoutFailures(found, failures);
  await writeData(folder, dataset);
  await first.close();
  const train = photosOf(dataset, "train");
  const validation = photosOf(dataset, "validation");
  if (validation.photos.length === 0)
    throw new HeadstartError(
      "INVALID_DATA",
      "None of the validation photos can be decoded, and the best epoch is chosen by them.",
      `${RUN_FILES.data} says what is wrong with each.`,
    );
  let open: SizedPhotos | undefined;
  const trained = await trainHead(runtime, {
    recipe,
    seed: choices.seed,
    features: backbone.features,
    classes: dataset.classes.length,
    labels: train.labels,
    validationLabels: validation.labels,
    checkpoint: join(folder, RUN_FILES.checkpoint),
    ...(signal && { signal }),
    prepare: async (stage) => {
      await open?.close();
      open = await SizedPhotos.open(context, stage.imageSize);
      return await stageData(context, open, train.photos, validation.photos, recipe.augmentation);
    },
    onStep: ({ epoch, epochs, done, total }) =>
      report({ kind: "progress", phase: "training", done, total, detail: `epoch ${epoch} of ${epochs}` }),
    onEpoch: async (row, history) => {
      await writeHistory(context, history);
      report({ kind: "epoch", row });
    },
  });
  await open?.close();
  const sized = await SizedPhotos.open(context, trained.imageSize);
  const measured = withoutFailures(dataset, await sized.extract(dataset.photos));
  return { dataset: measured, sized, ...trained, seed: choices.seed };
}

/** What a stage trains on: photos with what is drawn for each, through augmentation and backbone; or stored features. */
async function stageData(
  { backbone, runtime }: RunContext,
  sized: SizedPhotos,
  train: readonly Photo[],
  validation: readonly Photo[],
  augmentation: Augmentation | null,
): Promise<StageData> {
  const { imageSize } = sized;
  const stored = augmentation === null ? [...train, ...validation] : validation;
  const failures = await sized.extract(stored);
  const lost = stored.find(({ digest }) => failures.has(digest));
  if (lost !== undefined) throw lostPhoto(lost, failures.get(lost.digest));
  const { features } = await sized.features(validation);
  if (augmentation === null) {
    const held = await runtime.hold((await sized.features(train)).features);
    return {
      front: composeStoredFront(backbone.features),
      inputs: async (rows) => ({ stored: held, row: int64([rows.length], rows) }),
      validation: features,
      close: () => runtime.drop(held),
    };
  }
  const bytes = imageSize * imageSize * 3;
  return {
    front: composeFront(backbone, affineStage(imageSize)),
    inputs: async (rows, random) => {
      const affine = new Float32Array(rows.length * 6);
      for (let i = 0; i < rows.length; i++)
        affine.set(drawAugmentation(random, augmentation, imageSize), i * 6);
      const data = runtime.allocate(rows.length * bytes);
      const photos = rows.flatMap((row) => train[row] ?? []);
      await Promise.all(
        photos.map((photo, i) =>
          sized.load(photo, data.subarray(i * bytes, (i + 1) * bytes)).catch((error: unknown) => {
            throw lostPhoto(photo, error instanceof Error ? error.message : String(error));
          }),
        ),
      );
      const image = { type: "uint8", dims: [rows.length, imageSize, imageSize, 3], data } as const;
      return { image, affine: float32([rows.length, 2, 3], affine) };
    },
    validation: features,
    close: async () => undefined,
  };
}

/** A photo that could be decoded when training began cannot be left out in the middle: the run would not be the same. */
function lostPhoto({ name }: Photo, reason = ""): HeadstartError {
  return new HeadstartError(
    "INVALID_DATA",
    `The photo ${name} cannot be decoded any more. ${reason}`.trimEnd(),
    "The last whole epoch is saved: bring the photo back and go on with the run, or start a new one.",
  );
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
