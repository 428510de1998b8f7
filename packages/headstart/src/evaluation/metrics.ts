import { HeadstartError } from "../errors.js";
import { topClasses } from "./ranking.js";
import { wilsonInterval } from "./wilson.js";

/** A probability below this counts as this in the loss, so that one sure and wrong answer cannot make it infinite (Keras does the same). */
const SMALLEST_PROBABILITY = 1e-7;

/** How well one class is recognised. A figure is null where there is nothing to divide by. */
export interface ClassMetrics {
  /** The class's name. */
  className: string;
  /** Photos of this class. */
  photos: number;
  /** Of the photos predicted as this class, the share that are of it; null when no photo was predicted as it. */
  precision: number | null;
  /** Of the photos of this class, the share predicted as it; null when there is no photo of it. */
  recall: number | null;
  /** The harmonic mean of both, 2 TP / (2 TP + FP + FN); null when the class neither occurs nor was predicted. */
  f1: number | null;
}

/**
 * How well a classifier does on one split. A split without photos has `photos: 0` and null for every figure: this is how "there is no test
 * split" is shown, and it differs from an accuracy of 0.
 */
export interface SplitMetrics {
  /** Photos measured. */
  photos: number;
  /** Share of photos whose most probable class is the true one, from 0 to 1. */
  accuracy: number | null;
  /** The accuracy's Wilson score interval at 95 %, lower and upper bound, from 0 to 1. */
  accuracyInterval: [number, number] | null;
  /** Share of photos whose true class is among the five most probable; 1 when there are five classes or fewer. */
  top5: number | null;
  /** Mean cross-entropy in nats: the mean of −ln(probability of the true class), probabilities below 1e-7 counting as 1e-7. */
  loss: number | null;
  /** Figures of each class, in the classes' order. */
  perClass: ClassMetrics[];
  /** Photos counted by true class (row) and predicted class (column). */
  confusion: number[][];
}

/**
 * Measures predicted probabilities against the true classes. Of equal probabilities the class that comes first is the predicted one.
 *
 * @param probabilities - `[photos, classes]`, row after row
 * @param labels - for each photo the index of its true class
 * @param classes - the classes' names
 * @returns the figures; for no photos at all, `photos: 0` and nulls
 * @throws HeadstartError `INVALID_DATA` when the sizes do not fit or a label is no class; `INVALID_MODEL` when a probability is not a number
 *
 * @example
 * evaluate(Float32Array.of(0.9, 0.1, 0.4, 0.6), [0, 0], ["daisy", "roses"]).accuracy; // 0.5
 */
export function evaluate(
  probabilities: Float32Array,
  labels: ArrayLike<number>,
  classes: readonly string[],
): SplitMetrics {
  const photos = labels.length;
  const width = classes.length;
  if (probabilities.length !== photos * width) {
    throw new HeadstartError(
      "INVALID_DATA",
      `${photos} photos of ${width} classes need ${photos * width} probabilities, and there are ${probabilities.length}.`,
      "Give one probability for each class of each photo.",
    );
  }
  const confusion = classes.map(() => new Array<number>(width).fill(0));
  let top5 = 0;
  let loss = 0;
  for (let photo = 0; photo < photos; photo++) {
    const row = probabilities.subarray(photo * width, (photo + 1) * width);
    const label = labels[photo] ?? -1;
    const counts = confusion[label];
    if (counts === undefined) {
      throw new HeadstartError(
        "INVALID_DATA",
        `Photo ${photo} has the label ${label}, and the ${width} classes are numbered from 0.`,
        "Match the labels with the classes by name.",
      );
    }
    if (!row.every(Number.isFinite)) {
      throw new HeadstartError(
        "INVALID_MODEL",
        `The probabilities of photo ${photo} are not numbers.`,
        "The training went astray or the model is damaged: train again, with a lower learning rate.",
      );
    }
    const ranking = topClasses(row, 5);
    const predicted = ranking[0] ?? 0;
    counts[predicted] = (counts[predicted] ?? 0) + 1;
    if (ranking.includes(label)) top5++;
    loss -= Math.log(Math.min(1, Math.max(SMALLEST_PROBABILITY, row[label] ?? 0)));
  }
  const correct = sum(confusion.map((row, index) => row[index] ?? 0));
  return {
    photos,
    accuracy: ratio(correct, photos),
    accuracyInterval: photos === 0 ? null : wilsonInterval(correct, photos),
    top5: ratio(top5, photos),
    loss: ratio(loss, photos),
    perClass: classes.map((className, index) => measureClass(className, index, confusion)),
    confusion,
  };
}

function measureClass(className: string, index: number, confusion: readonly number[][]): ClassMetrics {
  const right = confusion[index]?.[index] ?? 0;
  const photos = sum(confusion[index] ?? []);
  const predicted = sum(confusion.map((row) => row[index] ?? 0));
  return {
    className,
    photos,
    precision: ratio(right, predicted),
    recall: ratio(right, photos),
    f1: ratio(2 * right, photos + predicted),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
