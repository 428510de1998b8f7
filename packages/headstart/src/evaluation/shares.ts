import { type Answers, checkAnswers, decide, meanOf, ratio, type Weights, weightOf } from "./answers.js";

/** How well one class is recognised, in shares from 0 to 1; null where there is nothing to divide by. */
export interface ClassShares {
  /** Of the photos predicted as this class, the share that are of it, TP / (TP + FP). */
  readonly precision: number | null;
  /** Of the photos of this class, the share predicted as it, TP / (TP + FN). */
  readonly recall: number | null;
  /** The harmonic mean of both, 2 TP / (2 TP + FP + FN). */
  readonly f1: number | null;
}

/**
 * Photos counted by true class (row) and predicted class (column).
 *
 * @param answers - the probabilities and the true classes
 * @param weights - how much each photo counts
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * confusionMatrix({ probabilities: [0.9, 0.1, 0.4, 0.6], labels: [0, 0], classes: 2 }); // => [[1, 1], [0, 0]]
 */
export function confusionMatrix(answers: Answers, weights?: Weights): number[][] {
  return countPairs(answers.labels, decide(answers).predicted, answers.classes, weights);
}

/** As {@link confusionMatrix}, where it is known what was predicted. */
export function countPairs(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
  weights?: Weights,
): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let photo = 0; photo < labels.length; photo++) {
    const row = counts[labels[photo] ?? -1];
    const column = predicted[photo] ?? 0;
    if (row !== undefined) row[column] = (row[column] ?? 0) + weightOf(weights, photo);
  }
  return counts;
}

/**
 * The share of photos whose most probable class is the true one.
 *
 * @param confusion - photos by true class (row) and predicted class (column)
 * @returns from 0 to 1; null where there are no photos
 *
 * @example
 * accuracy([[3, 1], [0, 4]]); // => 0.875
 */
export function accuracy(confusion: readonly (readonly number[])[]): number | null {
  return ratio(sum(confusion.map((row, c) => row[c] ?? 0)), sum(confusion.map(sum)));
}

/**
 * Precision, recall and F1 of each class. Source: C. J. van Rijsbergen, Information Retrieval, 2nd edition (1979), chapter 7.
 *
 * @param confusion - photos by true class (row) and predicted class (column)
 *
 * @example
 * classShares([[3, 1], [0, 4]])[0]; // => { precision: 1, recall: 0.75, f1: 6 / 7 }
 */
export function classShares(confusion: readonly (readonly number[])[]): ClassShares[] {
  return confusion.map((row, c) => {
    const right = row[c] ?? 0;
    const photos = sum(row);
    const predicted = sum(confusion.map((other) => other[c] ?? 0));
    return {
      precision: ratio(right, predicted),
      recall: ratio(right, photos),
      f1: ratio(2 * right, photos + predicted),
    };
  });
}

/**
 * Each share's mean over the classes, every class counting the same however many photos it has; classes that have no figure are left out.
 * The macro recall is the balanced accuracy (K. H. Brodersen et al., "The balanced accuracy and its posterior distribution", 2010).
 *
 * @param shares - of each class, from {@link classShares}
 *
 * @example
 * macroShares(classShares([[3, 1], [0, 4]])).recall; // => 0.875
 */
export function macroShares(shares: readonly ClassShares[]): ClassShares {
  return {
    precision: meanOf(shares.map(({ precision }) => precision)),
    recall: meanOf(shares.map(({ recall }) => recall)),
    f1: meanOf(shares.map(({ f1 }) => f1)),
  };
}

/**
 * The share of photos whose true class is among the `k` most probable. Of equal probabilities the class that comes first goes before.
 *
 * @param answers - the probabilities and the true classes
 * @param k - how many classes may be named, at least 1
 * @param weights - how much each photo counts
 * @returns from 0 to 1; null where there are no photos
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * topKAccuracy({ probabilities: [0.5, 0.3, 0.2, 0.5, 0.3, 0.2], labels: [1, 2], classes: 3 }, 2); // => 0.5
 */
export function topKAccuracy(answers: Answers, k: number, weights?: Weights): number | null {
  checkAnswers(answers);
  const { probabilities, labels, classes } = answers;
  let [found, photos] = [0, 0];
  for (let photo = 0; photo < labels.length; photo++) {
    const start = photo * classes;
    const label = labels[photo] ?? 0;
    const own = probabilities[start + label] ?? 0;
    let before = 0;
    for (let c = 0; c < classes; c++) {
      const other = probabilities[start + c] ?? 0;
      if (other > own || (other === own && c < label)) before++;
    }
    const weight = weightOf(weights, photo);
    if (before < k) found += weight;
    photos += weight;
  }
  return ratio(found, photos);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
