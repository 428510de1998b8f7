import { type Answers, checkAnswers, ratio, type Weights, weightOf } from "./answers.js";

/** A probability below this counts as this in the loss, so that one sure and wrong answer cannot make it infinite (Keras does the same). */
export const SMALLEST_PROBABILITY = 1e-7;

/**
 * The log loss, or cross-entropy: the mean of −ln(probability of the true class), in nats. Source: I. J. Good, "Rational decisions",
 * Journal of the Royal Statistical Society B 14 (1952), 107-114.
 *
 * @param answers - the probabilities and the true classes
 * @param weights - how much each photo counts
 * @returns at least 0; probabilities below 1e-7 count as 1e-7, above 1 as 1. Null where there are no photos
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * logLoss({ probabilities: [0.5, 0.5], labels: [0], classes: 2 }); // => Math.LN2
 */
export function logLoss(answers: Answers, weights?: Weights): number | null {
  checkAnswers(answers);
  return weightedMean(logLosses(answers), weights);
}

/** The log loss of each photo. */
export function logLosses({ probabilities, labels, classes }: Answers): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, photo) => {
    const own = probabilities[photo * classes + (labels[photo] ?? 0)] ?? 0;
    return -Math.log(Math.min(1, Math.max(SMALLEST_PROBABILITY, own)));
  });
}

/**
 * The Brier score: the mean over the photos of Σ (probability − 1 for the true class, 0 for others)², summed over the classes. Source:
 * G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950), 1-3.
 *
 * @param answers - the probabilities and the true classes
 * @param weights - how much each photo counts
 * @returns from 0 to 2, with two classes too, where others give half of it; null where there are no photos
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * brierScore({ probabilities: [0.5, 0.5], labels: [0], classes: 2 }); // => 0.5
 */
export function brierScore(answers: Answers, weights?: Weights): number | null {
  checkAnswers(answers);
  return weightedMean(brierScores(answers), weights);
}

/** The Brier score of each photo. */
export function brierScores({ probabilities, labels, classes }: Answers): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, photo) => {
    let sum = 0;
    for (let c = 0; c < classes; c++)
      sum += ((probabilities[photo * classes + c] ?? 0) - (labels[photo] === c ? 1 : 0)) ** 2;
    return sum;
  });
}

/** The mean of what the photos have; null where there are none. */
export function weightedMean(values: ArrayLike<number>, weights?: Weights): number | null {
  let [sum, whole] = [0, 0];
  for (let photo = 0; photo < values.length; photo++) {
    const weight = weightOf(weights, photo);
    sum += weight * (values[photo] ?? 0);
    whole += weight;
  }
  return ratio(sum, whole);
}
