import { HeadstartError } from "../errors.js";

/** What a classifier said about some photos, and what is true of them. */
export interface Answers {
  /** Probabilities `[photos, classes]`, row after row. */
  readonly probabilities: ArrayLike<number>;
  /** For each photo the index of its true class. */
  readonly labels: ArrayLike<number>;
  /** Number of classes. */
  readonly classes: number;
}

/** How much each photo counts, in the photos' order; without weights each counts once. */
export type Weights = ArrayLike<number>;

/** The answer to each photo. */
export interface Decisions {
  /** The most probable class; of equal ones the first. */
  readonly predicted: Int32Array;
  /** The probability of that class, the classifier's confidence. */
  readonly confidence: Float64Array;
  /** 1 where that class is the true one, 0 where it is not. */
  readonly correct: Uint8Array;
}

/**
 * Checks that there is one probability for each class of each photo, all are numbers, and every label is a class.
 *
 * @throws HeadstartError `INVALID_DATA` when the sizes do not fit or a label is no class; `INVALID_MODEL` when a probability is not a number
 */
export function checkAnswers({ probabilities, labels, classes }: Answers): void {
  const photos = labels.length;
  if (!Number.isInteger(classes) || classes < 1 || probabilities.length !== photos * classes)
    throw new HeadstartError(
      "INVALID_DATA",
      `${photos} photos of ${classes} classes need ${photos * classes} probabilities, and there are ${probabilities.length}.`,
      "Give one probability for each class of each photo.",
    );
  for (let photo = 0; photo < photos; photo++) {
    const label = labels[photo] ?? -1;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new HeadstartError(
        "INVALID_DATA",
        `Photo ${photo} has the label ${label}, and the ${classes} classes are numbered from 0.`,
        "Match the labels with the classes by name.",
      );
  }
  for (let i = 0; i < probabilities.length; i++)
    if (!Number.isFinite(probabilities[i]))
      throw new HeadstartError(
        "INVALID_MODEL",
        `The probabilities of photo ${Math.floor(i / classes)} are not numbers.`,
        "The training went astray or the model is damaged: train again, with a lower learning rate.",
      );
}

/**
 * The answer to each photo: the most probable class, how probable it is, and whether it is the true one.
 *
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * const { predicted, confidence } = decide({ probabilities: [0.9, 0.1, 0.25, 0.75], labels: [0, 0], classes: 2 });
 * [...predicted]; // => [0, 1]
 * [...confidence]; // => [0.9, 0.75]
 */
export function decide(answers: Answers): Decisions {
  checkAnswers(answers);
  const { probabilities, labels, classes } = answers;
  const predicted = new Int32Array(labels.length);
  const confidence = new Float64Array(labels.length);
  const correct = new Uint8Array(labels.length);
  for (let photo = 0; photo < labels.length; photo++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      const start = photo * classes;
      if ((probabilities[start + c] ?? 0) > (probabilities[start + best] ?? 0)) best = c;
    }
    predicted[photo] = best;
    confidence[photo] = probabilities[photo * classes + best] ?? 0;
    correct[photo] = best === labels[photo] ? 1 : 0;
  }
  return { predicted, confidence, correct };
}

/** What a photo counts. */
export function weightOf(weights: Weights | undefined, photo: number): number {
  return weights === undefined ? 1 : (weights[photo] ?? 0);
}

/** A part of a whole; null where the whole is nothing. */
export function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** The mean of the numbers that there are; null where there are none. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return ratio(
    known.reduce((sum, value) => sum + value, 0),
    known.length,
  );
}
