import {
  type DoubtfulLabel,
  doubtfulLabels,
  type LabelledProbabilities,
  ROUNDS_L2,
  type Rows,
  rowsInMemory,
  someRows,
  suspectLabels,
} from "../data/index.js";
import { applyTemperature, fitTemperature } from "../evaluation/index.js";
import { createRandom } from "../random.js";
import type { Runtime } from "../runtime/index.js";
import { crossValidate } from "../training/cross-validate.js";

/** Classes with fewer photos are passed over: without one of them, a model knows too little of the class to say what is not of it. */
const FEWEST = 5;

/** Where a larger share of the labels is suspect, the features say nothing of the classes. */
const MOST_SUSPECT = 0.5;

/** Probabilities below this count as this. */
const LEAST_PROBABILITY = 1e-12;

/** Photos whose labels are judged, each content once. */
export interface JudgedPhotos {
  /** Row i is of photo i. */
  readonly features: Rows;
  /** The class of each photo, as a number. */
  readonly labels: readonly number[];
  /** The content hash of each photo. */
  readonly digests: readonly string[];
}

/** How {@link findDoubtfulLabels} is watched and stopped. */
export interface JudgeOptions {
  readonly signal?: AbortSignal;
  /** Called with the number of fits of a round that are done. */
  readonly onProgress?: (round: number, done: number, total: number) => void;
}

/**
 * Labels that the other photos contradict, in two rounds of cross-validation: the first says whose labels to doubt, and the second judges by
 * models that were not fitted on those. Without answers better than chance, nothing is named.
 *
 * @throws HeadstartError as `crossValidate`
 */
export async function findDoubtfulLabels(
  runtime: Runtime,
  { features, labels, digests }: JudgedPhotos,
  { signal, onProgress }: JudgeOptions = {},
): Promise<DoubtfulLabel[]> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const judged = [...counts.keys()].filter((label) => (counts.get(label) ?? 0) >= FEWEST);
  if (judged.length < 2) return [];
  const numbers = new Map(judged.map((label, number) => [label, number]));
  const rows = labels.flatMap((label, row) => (numbers.has(label) ? [row] : []));
  const photos = {
    count: rows.length,
    labels: rows.map((row) => numbers.get(labels[row] ?? -1) ?? 0),
    digests: rows.map((row) => digests[row] ?? ""),
    read: someRows(features, rows).read,
  };
  const round = async (number: 1 | 2, leftOut: ReadonlySet<number>) => {
    const { probabilities } = await crossValidate(runtime, photos, {
      l2: ROUNDS_L2[number - 1] ?? 1,
      leftOut,
      features: features.width,
      classes: judged.length,
      random: createRandom("check", number),
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.(number, done, total),
    });
    return { probabilities, labels: photos.labels, classes: judged.length };
  };
  const suspects = suspectLabels(await round(1, new Set()));
  if (suspects.size > MOST_SUSPECT * rows.length) return [];
  const second = await tempered(await round(2, suspects), suspects);
  return doubtfulLabels(second).map(({ row, other, margin }) => ({
    row: rows[row] ?? 0,
    other: judged[other] ?? 0,
    margin,
  }));
}

/**
 * Probabilities that are as sure as the answers about the photos that are not suspect warrant (temperature scaling), so that they mean the same
 * for any number of classes and any strength of the penalty.
 */
async function tempered(
  given: LabelledProbabilities,
  suspects: ReadonlySet<number>,
): Promise<LabelledProbabilities> {
  const { labels, classes } = given;
  const logits = given.probabilities.map((p) => Math.log(Math.max(p, LEAST_PROBABILITY)));
  const kept = [...labels.keys()].filter((row) => !suspects.has(row));
  const temperature = fitTemperature({
    logits: await rowsInMemory(logits, classes).read(kept),
    labels: kept.map((row) => labels[row] ?? 0),
    classes,
  });
  return { ...given, probabilities: Float32Array.from(applyTemperature(logits, classes, temperature)) };
}
