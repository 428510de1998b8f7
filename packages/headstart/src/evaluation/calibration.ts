import { createRandom, type Random } from "../random.js";
import { type Answers, type Decisions, decide, ratio, type Weights, weightOf } from "./answers.js";
import { type Interval, percentileInterval } from "./bootstrap.js";

/** Bins of a reliability diagram: ten, all equally wide. */
export const BINS = 10;

/** Simulations that {@link calibratedBand} makes. */
const SIMULATIONS = 2000;

/** The photos whose confidence falls into one bin. */
export interface ReliabilityBin {
  /** The bin holds confidences above this ... */
  readonly from: number;
  /** ... up to and including this; the first bin holds 0 too. */
  readonly to: number;
  readonly photos: number;
  /** Mean confidence of the photos; null where there are none. */
  readonly confidence: number | null;
  /** Share of the photos that are answered right; null where there are none. */
  readonly accuracy: number | null;
}

/** What the calibration error would be if the probabilities were exactly right. */
export interface CalibratedBand {
  /** The mean of the expected calibration error over the simulations. */
  readonly expected: number;
  /** The middle 95 % of the simulations' errors. A measured error inside, or below, says nothing against the probabilities. */
  readonly interval: Interval;
  /** For each bin of the reliability diagram, the middle 95 % of its accuracy; null where it has no photos. */
  readonly bins: readonly (Interval | null)[];
}

/**
 * The reliability diagram: photos by confidence, and how often each such confidence is right. Source: A. Niculescu-Mizil and R. Caruana,
 * "Predicting good probabilities with supervised learning", ICML 2005.
 *
 * @param answers - the probabilities and the true classes
 * @returns ten bins of width 0.1, from unsure to sure
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * const bins = reliability({ probabilities: [0.75, 0.25], labels: [0], classes: 2 });
 * bins[7]?.confidence; // => 0.75
 * bins[7]?.accuracy; // => 1
 */
export function reliability(answers: Answers): ReliabilityBin[] {
  const { photos, confidence, correct } = binned(decide(answers));
  return Array.from(photos, (count, bin) => ({
    from: edge(bin),
    to: edge(bin + 1),
    photos: count,
    confidence: ratio(confidence[bin] ?? 0, count),
    accuracy: ratio(correct[bin] ?? 0, count),
  }));
}

/**
 * The expected calibration error: over the bins of the reliability diagram, the mean distance of confidence and accuracy, each bin counting
 * as much as it has photos. Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
 * binning", AAAI 2015. It is above 0 even for perfect probabilities, the more so the fewer photos there are: see {@link calibratedBand}.
 *
 * @param answers - the probabilities and the true classes
 * @param weights - how much each photo counts
 * @returns from 0 to 1; null where there are no photos
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * calibrationError({ probabilities: [0.75, 0.25], labels: [0], classes: 2 }); // => 0.25
 */
export function calibrationError(answers: Answers, weights?: Weights): number | null {
  return errorOfDecisions(decide(answers), weights);
}

/** As {@link calibrationError}, where it is known what was answered. */
export function errorOfDecisions(decisions: Decisions, weights?: Weights): number | null {
  const { photos, confidence, correct } = binned(decisions, weights);
  return ratio(distance(confidence, correct), total(photos));
}

/**
 * What the calibration error would be if the probabilities were exactly right: whether each photo is answered right is drawn again and
 * again with the probability that the classifier gives, and the error measured. Source: the parametric bootstrap of J. Bröcker and L. A. Smith,
 * "Increasing the reliability of reliability diagrams", Weather and Forecasting 22 (2007), 651-661.
 *
 * @param answers - the probabilities; which classes are true plays no part
 * @param random - where the 2,000 simulations come from; by default always the same
 * @returns null where there are no photos
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * const band = calibratedBand({ probabilities: [0.75, 0.25], labels: [0], classes: 2 });
 * band?.interval; // => [0.25, 0.75]
 */
export function calibratedBand(
  answers: Answers,
  random: Pick<Random, "uniform"> = createRandom(0, "calibrated band"),
): CalibratedBand | null {
  const decisions = decide(answers);
  const { confidence } = decisions;
  const { photos, confidence: confidences } = binned(decisions);
  const count = confidence.length;
  if (count === 0) return null;
  const bins = Uint8Array.from(confidence, binOf);
  const errors = new Float64Array(SIMULATIONS);
  const accuracies = Array.from(photos, () => new Float64Array(SIMULATIONS));
  for (let simulation = 0; simulation < SIMULATIONS; simulation++) {
    const correct = new Float64Array(BINS);
    for (let photo = 0; photo < count; photo++) {
      if (random.uniform() >= (confidence[photo] ?? 0)) continue;
      const bin = bins[photo] ?? 0;
      correct[bin] = (correct[bin] ?? 0) + 1;
    }
    errors[simulation] = distance(confidences, correct) / count;
    for (const [bin, own] of accuracies.entries()) own[simulation] = (correct[bin] ?? 0) / (photos[bin] ?? 0);
  }
  return {
    expected: total(errors) / SIMULATIONS,
    interval: percentileInterval(errors),
    bins: accuracies.map((own, bin) => (photos[bin] === 0 ? null : percentileInterval(own))),
  };
}

/** Photos, sum of confidences and right answers of each bin. */
function binned({ confidence, correct }: Decisions, weights?: Weights) {
  const sums = {
    photos: new Float64Array(BINS),
    confidence: new Float64Array(BINS),
    correct: new Float64Array(BINS),
  };
  for (let photo = 0; photo < confidence.length; photo++) {
    const own = confidence[photo] ?? 0;
    const bin = binOf(own);
    const weight = weightOf(weights, photo);
    sums.photos[bin] = (sums.photos[bin] ?? 0) + weight;
    sums.confidence[bin] = (sums.confidence[bin] ?? 0) + weight * own;
    sums.correct[bin] = (sums.correct[bin] ?? 0) + weight * (correct[photo] ?? 0);
  }
  return sums;
}

/** Where a bin begins; the product, not a fraction of ten, is what NumPy's `linspace` has. */
function edge(bin: number): number {
  return bin * (1 / BINS);
}

function binOf(confidence: number): number {
  let bin = 0;
  while (bin < BINS - 1 && confidence > edge(bin + 1)) bin++;
  return bin;
}

function distance(confidences: Float64Array, correct: Float64Array): number {
  return confidences.reduce((sum, confidence, bin) => sum + Math.abs(confidence - (correct[bin] ?? 0)), 0);
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
