import { decide } from "./answers.js";
import { logLoss } from "./scoring-rules.js";
import { accuracy, classShares, countPairs, topKAccuracy } from "./shares.js";
import { shareInterval } from "./wilson.js";

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
  const answers = { probabilities, labels, classes: classes.length };
  const { predicted, correct } = decide(answers);
  const photos = labels.length;
  const confusion = countPairs(labels, predicted, classes.length);
  const shares = classShares(confusion);
  const right = correct.reduce((sum, one) => sum + one, 0);
  return {
    photos,
    accuracy: accuracy(confusion),
    accuracyInterval: shareInterval(right, photos),
    top5: topKAccuracy(answers, 5),
    loss: logLoss(answers),
    perClass: classes.map((className, c) => ({
      className,
      photos: confusion[c]?.reduce((sum, count) => sum + count, 0) ?? 0,
      ...(shares[c] ?? { precision: null, recall: null, f1: null }),
    })),
    confusion,
  };
}
