import { type Answers, decide } from "./answers.js";
import type { Interval } from "./bootstrap.js";
import { type Conformal, fitConformal, predictionSet } from "./conformal.js";
import { fitThreshold, type Threshold } from "./selective.js";
import { applyTemperature, fitTemperature, type LabelledLogits } from "./temperature.js";
import { shareInterval } from "./wilson.js";

/** Accuracies of confident answers that a user may ask for. */
export const ACCURACIES: readonly number[] = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995];

/** Coverages of sets of classes that a user may ask for. */
export const COVERAGES: readonly number[] = [0.8, 0.9, 0.95, 0.99];

/** The share from which on a photo counts as unlike the training photos: nearly all of those lie nearer to one another. */
export const UNLIKE = 0.99;

/** An accuracy that was asked for, and the confidence from which on it is promised; no threshold where it cannot be. */
export type PromisedAccuracy = Threshold | { readonly asked: number; readonly threshold: null };

/** How a classifier's scores are to be read: what was learnt of its certainty from photos that it was not trained on. */
export interface Calibration {
  /** Probabilities are softmax(logits / temperature). */
  readonly temperature: number;
  /** Number of photos that it was fitted on. */
  readonly photos: number;
  /** The confidence from which on answers are trusted, for each accuracy that may be asked for. */
  readonly thresholds: readonly PromisedAccuracy[];
  /** What makes sets of classes of probabilities, for each coverage that may be asked for. */
  readonly sets: readonly Conformal[];
}

/** How well a {@link Calibration} keeps what it promises, on some photos. Figures are null where there are no photos. */
export interface CertaintyMetrics {
  /** Of each accuracy that may be asked for: the share of photos that are answered, and how many of those are right. */
  readonly thresholds: readonly {
    readonly asked: number;
    /** Null where this accuracy is not promised. */
    readonly threshold: number | null;
    readonly coverage: number | null;
    readonly accuracy: number | null;
    /** Wilson's, at 95 %. */
    readonly accuracyInterval: Interval | null;
  }[];
  /** Of each coverage that may be asked for: how often sets hold the true class, and how many classes they have on average. */
  readonly sets: readonly {
    readonly asked: number;
    readonly covered: number | null;
    /** Wilson's, at 95 %. */
    readonly coveredInterval: Interval | null;
    readonly meanSize: number | null;
  }[];
  /** Share of the photos that count as unlike the training photos; null where the model cannot tell. */
  readonly unlike: number | null;
}

/**
 * Learns how certain a classifier may be: temperature scaling first, then, with the probabilities that it gives, thresholds for accuracies
 * (`fitThreshold` by its lower bound, so that they are promises) and sets of classes (`fitConformal`).
 *
 * @param answers - logits and true classes of photos that the classifier was not trained on, at least one
 * @throws HeadstartError as `fitTemperature`
 *
 * @example
 * const { temperature, sets } = fitCalibration({ logits: [3, 0, 3, 0], labels: [0, 1], classes: 2 });
 * temperature; // => 20
 * sets[1]?.coverage; // => 0.9
 */
export function fitCalibration(answers: LabelledLogits): Calibration {
  const { labels, classes } = answers;
  const temperature = fitTemperature(answers);
  const probabilities = applyTemperature(answers.logits, classes, temperature);
  const calibrated: Answers = { probabilities, labels, classes };
  return {
    temperature,
    photos: labels.length,
    thresholds: ACCURACIES.map(
      (asked) => fitThreshold(calibrated, asked, { by: "lower-bound" }) ?? { asked, threshold: null },
    ),
    sets: COVERAGES.map((coverage) => fitConformal(calibrated, { coverage })),
  };
}

/**
 * Measures whether a calibration keeps what it promises.
 *
 * @param answers - probabilities as the calibration gives them, and the true classes
 * @param calibration - from {@link fitCalibration}
 * @param unlike - how unlike the training photos each photo is, where that is known
 * @throws HeadstartError as `checkAnswers`
 *
 * @example
 * const calibration = fitCalibration({ logits: [3, 0, 3, 0], labels: [0, 1], classes: 2 });
 * const { sets } = measureCertainty({ probabilities: [0.5, 0.5], labels: [1], classes: 2 }, calibration);
 * sets[1]?.covered; // => 1
 */
export function measureCertainty(
  answers: Answers,
  calibration: Calibration,
  unlike?: ArrayLike<number>,
): CertaintyMetrics {
  const { probabilities, labels, classes } = answers;
  const { confidence, correct } = decide(answers);
  const photos = labels.length;
  const all = Float64Array.from(probabilities);
  const rows = Array.from({ length: photos }, (_, photo) =>
    all.subarray(photo * classes, (photo + 1) * classes),
  );
  return {
    thresholds: calibration.thresholds.map(({ asked, threshold }) => {
      const least = threshold ?? Number.POSITIVE_INFINITY;
      const answered = correct.filter((_, photo) => (confidence[photo] ?? 0) >= least);
      const right = answered.filter((isRight) => isRight === 1).length;
      return {
        asked,
        threshold,
        coverage: share(answered.length, photos),
        accuracy: share(right, answered.length),
        accuracyInterval: shareInterval(right, answered.length),
      };
    }),
    sets: calibration.sets.map((conformal) => {
      const sets = rows.map((row) => predictionSet(row, conformal));
      const covered = sets.filter((set, photo) => set.includes(labels[photo] ?? -1)).length;
      return {
        asked: conformal.coverage,
        covered: share(covered, photos),
        coveredInterval: shareInterval(covered, photos),
        meanSize: share(
          sets.reduce((sum, { length }) => sum + length, 0),
          photos,
        ),
      };
    }),
    unlike:
      unlike === undefined ? null : share(Array.from(unlike).filter((one) => one >= UNLIKE).length, photos),
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
