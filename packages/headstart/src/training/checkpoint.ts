import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { readIfThere, writeAtomically } from "../files.js";
import type { Tensor } from "../onnx/index.js";
import { readSafetensors, writeSafetensors } from "../onnx/index.js";

/** What one epoch came to: a row of a run's `results.csv`. It holds no times, so that the same run gives the same bytes. */
export interface EpochRow {
  /** Counted from 1 over all stages. */
  readonly epoch: number;
  /** Counted from 1. */
  readonly stage: number;
  /** The stage's image size, in pixels. */
  readonly imageSize: number;
  /** Mean training loss over the epoch. */
  readonly loss: number;
  /** Training accuracy over the epoch, 0 to 1. */
  readonly accuracy: number;
  /** Mean cross-entropy of the validation photos after the epoch; `null` where there are none. */
  readonly validationLoss: number | null;
  /** Accuracy on the validation photos after the epoch, 0 to 1; `null` where there are none. */
  readonly validationAccuracy: number | null;
  /** Learning rate of the epoch's last step; `null` for an optimiser that has none. */
  readonly learningRate: number | null;
}

/** What one step came to: a row of a run's `steps.csv`. */
export interface StepRow {
  /** Mean training loss of its photos, before it moved the parameters. */
  readonly loss: number;
  /** Accuracy on its photos, 0 to 1, before it moved the parameters. */
  readonly accuracy: number;
  readonly learningRate: number;
}

/** Where a run stands after an epoch, or in the middle of one that was interrupted. */
export interface CheckpointState {
  /** Epochs done, in all stages together. */
  readonly epoch: number;
  /** Index of the stage, counted from 0. */
  readonly stage: number;
  /** Epochs done in that stage. */
  readonly epochInStage: number;
  /** Steps done in the epoch that was interrupted; 0 between epochs. */
  readonly batch: number;
  /** Loss and right answers summed over the photos of those steps. */
  readonly lossSum: number;
  readonly correctSum: number;
  /** Steps done, in all stages together. */
  readonly step: number;
  /** The epoch that is best on the validation photos, counted from 1; 0 before the first. */
  readonly bestEpoch: number;
  /** Its validation loss; `null` where there is none. */
  readonly bestValidationLoss: number | null;
  /** Its accuracy on the validation photos; `null` where there is none. */
  readonly bestValidationAccuracy: number | null;
  /** The image size that it was trained at. */
  readonly bestImageSize: number;
  /** Every epoch so far. */
  readonly history: readonly EpochRow[];
}

/** All that a run needs to go on: parameters and slots by name, and where it stands. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly state: CheckpointState;
}

/** The metadata property of the safetensors file that holds the state as JSON. */
const STATE = "state";

/** JSON has no such numbers, and a loss that has run away is still to be read back. */
const NOT_FINITE = ["NaN", "Infinity", "-Infinity"];
const figure = z.union([z.number(), z.enum(NOT_FINITE).transform(Number)]);
const count = z.int().min(0);

const stateSchema: z.ZodType<CheckpointState> = z.object({
  epoch: count,
  stage: count,
  epochInStage: count,
  batch: count,
  lossSum: figure,
  correctSum: figure,
  step: count,
  bestEpoch: count,
  bestValidationLoss: figure.nullable(),
  bestValidationAccuracy: figure.nullable().default(null),
  bestImageSize: count,
  history: z.array(
    z.object({
      epoch: count,
      stage: count,
      imageSize: count,
      loss: figure,
      accuracy: figure,
      validationLoss: figure.nullable(),
      validationAccuracy: figure.nullable(),
      learningRate: figure.nullable(),
    }),
  ),
});

/**
 * Writes a checkpoint: one safetensors file with the state in its metadata, so that tensors and state are whole together or not there.
 * The same checkpoint gives the same bytes. A file that was there before is replaced at once.
 *
 * @throws HeadstartError `STORAGE` if the file cannot be written
 */
export async function saveCheckpoint(path: string, { tensors, state }: Checkpoint): Promise<void> {
  const json = JSON.stringify(state, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
  await writeAtomically(path, writeSafetensors(tensors, { [STATE]: json }));
}

/**
 * Reads a checkpoint.
 *
 * @returns the checkpoint, or undefined where there is no such file
 * @throws HeadstartError `INVALID_RUN` if the file is damaged or is no checkpoint; `STORAGE` if it may not be read
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return undefined;
  try {
    const { tensors, metadata } = readSafetensors(bytes);
    return { tensors, state: stateSchema.parse(JSON.parse(metadata[STATE] ?? "")) };
  } catch (cause) {
    throw new HeadstartError(
      "INVALID_RUN",
      `The checkpoint ${path} is damaged.`,
      "Delete it to start the run again from the beginning.",
      { cause },
    );
  }
}

/** Columns of `results.csv`, in order. */
const COLUMNS = [
  "epoch",
  "stage",
  "imageSize",
  "loss",
  "accuracy",
  "validationLoss",
  "validationAccuracy",
  "learningRate",
] as const satisfies readonly (keyof EpochRow)[];

/** The text of `results.csv`: a heading, then a row for each epoch; what there is none of stays empty. */
export function writeResults(history: readonly EpochRow[]): string {
  return stringify([[...COLUMNS], ...history.map((row) => COLUMNS.map((column) => row[column]))]);
}

/** The text of `steps.csv`: a heading, then a row for each step, counted from 1. */
export function writeSteps(steps: readonly StepRow[]): string {
  const figure = (value: number) => Number(value.toPrecision(7));
  const rows = steps.map(({ loss, accuracy, learningRate }, i) => [
    i + 1,
    figure(loss),
    figure(accuracy),
    figure(learningRate),
  ]);
  return stringify([["step", "loss", "accuracy", "learningRate"], ...rows]);
}
