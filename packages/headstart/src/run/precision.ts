import { join } from "node:path";
import { z } from "zod";
import { type Backbone, type Int8Report, withInt8Graph } from "../backbones/index.js";
import { count, type Dataset, decodeBatches, type Photo, PhotoLoader } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { readIfThere, writeAtomically } from "../files.js";
import { type Tensor, uint8, writeModel } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { bestStrength, fitLinearHead, type Recipe } from "../training/index.js";
import { hasSeveralSizes, isDrawn, type RunContext, withFrozen } from "./context.js";
import { photosOf } from "./dataset.js";
import { parseJson, RUN_FILES, writeJson } from "./folder.js";
import { int8Of } from "./int8-cache.js";
import { labelledFeatures, SizedPhotos } from "./sized-photos.js";

/** Training photos that int8 is calibrated on. */
const CALIBRATION_PHOTOS = 256;

/** Training photos whose classes are cross-validated in both precisions. */
const TRIAL_PHOTOS = 1000;

/** Passes through the float backbone that take about as long as calibrating on one photo. */
const CALIBRATION_PASSES = 4;

/** `auto` takes int8 only if it is at least this many times as fast as float ... */
const LEAST_SPEED_UP = 1.3;

/** ... and its features have at least this cosine with those in float, in the mean ... */
const LEAST_COSINE = 0.98;

/** ... and cross-validated accuracy falls by no more than this. */
const MOST_LOST = 0.003;

/** What the frozen part computes in, and why. */
interface Decision {
  readonly precision: "float32" | "int8";
  /** A sentence without its full stop. */
  readonly reason: string;
}

const decisionSchema: z.ZodType<Decision> = z.object({
  precision: z.enum(["float32", "int8"]),
  reason: z.string(),
});

/**
 * Decides what the frozen part computes in, says so, and leaves the decision in the run's folder, so that a resumed run goes on with it.
 *
 * @param context - the run, with its float backbone
 * @param found - its photos; those to train on calibrate int8
 * @returns the run with the backbone that was chosen
 */
export async function choosePrecision(context: RunContext, found: Dataset): Promise<RunContext> {
  const { choices, folder, frozen, report } = context;
  if (choices.precision === "float" || frozen === undefined) return context;
  const made = await readDecision(frozen, folder);
  if (made !== undefined) return withFrozen(context, made);
  const { frozen: chosen, reason } = await decide(context, frozen, found);
  const decision: Decision = { precision: chosen.precision, reason };
  if (chosen.precision === "int8")
    await writeAtomically(join(folder, RUN_FILES.int8), writeModel(chosen.graph));
  await writeJson(join(folder, RUN_FILES.precision), decision);
  report({ kind: "note", message: reason });
  return withFrozen(context, chosen);
}

/** The frozen part that was chosen before the run was interrupted; undefined where none had been. */
async function readDecision(frozen: Backbone, folder: string): Promise<Backbone | undefined> {
  const content = await readIfThere(join(folder, RUN_FILES.precision));
  const decision = decisionSchema.safeParse(parseJson(content?.toString() ?? ""));
  if (!decision.success) return undefined;
  if (decision.data.precision === "float32") return frozen;
  const bytes = await readIfThere(join(folder, RUN_FILES.int8));
  return bytes && withInt8Graph(frozen, bytes);
}

interface Choice {
  readonly frozen: Backbone;
  readonly reason: string;
}

async function decide(context: RunContext, frozen: Backbone, found: Dataset): Promise<Choice> {
  const { choices } = context;
  const { recipe, precision } = choices;
  const training = photosOf(found, "train").photos;
  const photos = sampleOf(training, CALIBRATION_PHOTOS);
  const make = () => int8Of(context, frozen, photos, () => calibrationBatches(context, photos));
  if (precision === "int8") {
    const { backbone: int8, report } = await make();
    return { frozen: int8, reason: `int8, as asked: ${describe(report)}` };
  }
  const float = (why: string): Choice => ({ frozen, reason: `float: ${why}` });
  if (choices.device !== "cpu") return float("int8 is for the processor");
  if (hasSeveralSizes(choices.recipe)) return float("the frozen part in int8 is for photos of one size");
  const trial = sampleOf(training, TRIAL_PHOTOS).length + CALIBRATION_PASSES * photos.length;
  if (passesOf(recipe, found.photos.length, training.length) < 2 * trial)
    return float("with this few photos, trying int8 would take longer than it can save");
  const made = await make().catch((error: unknown) => {
    if (error instanceof HeadstartError && error.code === "UNSUPPORTED") return undefined;
    throw error;
  });
  if (made === undefined) return float("the network has nothing that can run in int8");
  const { backbone: int8, report } = made;
  const { agreement, milliseconds } = report;
  if (agreement.mean < LEAST_COSINE) return float(`int8 changes the features: ${describe(report)}`);
  if (milliseconds.float < LEAST_SPEED_UP * milliseconds.int8)
    return float(`int8 is hardly faster on this machine: ${describe(report)}`);
  const accuracy = await compareAccuracy(context, withFrozen(context, int8), found);
  const kept = `cross-validated accuracy ${percent(accuracy.int8)} against ${percent(accuracy.float)}`;
  if (accuracy.float - accuracy.int8 > MOST_LOST) return float(`int8 costs accuracy: ${kept}`);
  return { frozen: int8, reason: `int8: ${describe(report)}, ${kept}` };
}

/** How an int8 network compares with the float one, as half a sentence. */
function describe({ agreement, float, milliseconds }: Int8Report): string {
  const { float: before, int8: now } = milliseconds;
  return [
    `${(before / now).toFixed(1)} times as fast (${now.toFixed(1)} against ${before.toFixed(1)} ms a photo)`,
    `cosine of the features ${agreement.mean.toFixed(4)}`,
    ...(float.length > 0 ? [`${count(float.length, "layer")} left in float`] : []),
  ].join(", ");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** How often a photo goes through the frozen part in the whole run. */
function passesOf(recipe: Recipe, all: number, train: number): number {
  const { stages, views } = recipe;
  const epochs = stages.reduce((sum, stage) => sum + stage.epochs, 0);
  if (isDrawn(recipe) && views === null) return epochs * train;
  return stages.length * (all + ((views ?? 1) - 1) * train);
}

/** Photos by the order of their content hashes, which has nothing to do with what is on them. */
function sampleOf(photos: readonly Photo[], most: number): Photo[] {
  const unique = [...new Map(photos.map((photo) => [photo.digest, photo])).values()];
  return unique.sort((a, b) => (a.digest < b.digest ? -1 : 1)).slice(0, most);
}

/** The size that most of the passes have. */
function mainSize({ stages }: Recipe): number {
  return stages.reduce((most, stage) => (stage.epochs > most.epochs ? stage : most)).imageSize;
}

/**
 * The photos at the sizes of the recipe's stages: batches of pixels. The first batch is for the trial. Those that calibrate are small,
 * since what lies between all layers is in memory at once then.
 */
async function* calibrationBatches(context: RunContext, photos: readonly Photo[]): AsyncGenerator<Tensor> {
  const { choices, report } = context;
  const sizes = [...new Set(choices.recipe.stages.map(({ imageSize }) => imageSize))];
  const trial = Math.min(16, Math.ceil(photos.length / 8));
  const parts = [
    { size: mainSize(choices.recipe), batchSize: trial, photos: photos.slice(0, trial) },
    ...sizes.map((size, turn) => ({
      size,
      batchSize: 8,
      photos: photos.slice(trial).filter((_, i) => i % sizes.length === turn),
    })),
  ];
  let done = 0;
  for (const part of parts)
    for await (const { image, count } of pixelsOf(context, part)) {
      done += count;
      report({ kind: "progress", phase: "calibrating int8", done, total: photos.length, detail: "" });
      if (image !== undefined) yield image;
    }
}

/** Photos at one size, batch by batch, and how many they are; those that cannot be decoded are left out. */
async function* pixelsOf(
  { choices, runtime, signal }: RunContext,
  part: { readonly size: number; readonly batchSize: number; readonly photos: readonly Photo[] },
): AsyncGenerator<{ readonly image: Tensor | undefined; readonly count: number }> {
  const { size, batchSize, photos } = part;
  const loader = await PhotoLoader.create(runtime, size, choices.recipe.resize);
  const batches = decodeBatches(photos, {
    batchSize,
    size,
    decode: ({ path }, into) => loader.load(path, into),
    allocate: (bytes) => new Uint8Array(bytes),
  });
  try {
    for await (const { pixels, indices, failed } of batches) {
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Calibrating was interrupted.");
      const image = indices.length > 0 ? uint8([indices.length, size, size, 3], pixels) : undefined;
      yield { image, count: indices.length + failed.length };
    }
  } finally {
    await loader.close();
  }
}

/** Accuracy of a linear head on both backbones' features, cross-validated on the same folds of training photos. */
async function compareAccuracy(
  context: RunContext,
  int8: RunContext,
  found: Dataset,
): Promise<{ float: number; int8: number }> {
  const chosen = new Set(sampleOf(photosOf(found, "train").photos, TRIAL_PHOTOS));
  const sample: Dataset = { ...found, photos: found.photos.filter((photo) => chosen.has(photo)) };
  return {
    float: await crossValidated(context, sample, "float"),
    int8: await crossValidated(int8, sample, "int8"),
  };
}

async function crossValidated(context: RunContext, sample: Dataset, detail: string): Promise<number> {
  const { backbone, choices, runtime, signal } = context;
  const sized = await SizedPhotos.open(context, mainSize(choices.recipe));
  try {
    const failures = await sized.extract(sample.photos, detail);
    const photos = sample.photos.filter(({ digest }) => !failures.has(digest));
    const dataset = { ...sample, photos };
    const { crossValidation } = await fitLinearHead(
      runtime,
      labelledFeatures(dataset, "train", sized),
      undefined,
      {
        features: backbone.features,
        classes: dataset.classes.length,
        l2: "cross-validated",
        iterations: 1,
        random: createRandom(choices.seed, "precision"),
        ...(signal && { signal }),
      },
    );
    return bestStrength(crossValidation).accuracy;
  } finally {
    await sized.close();
  }
}
