import { createRandom } from "../random.js";
import { type Answers, decide, meanOf, type Weights } from "./answers.js";
import { bootstrapIntervals, type Interval, resamplesFor } from "./bootstrap.js";
import {
  type CalibratedBand,
  calibratedBand,
  errorOfDecisions,
  type ReliabilityBin,
  reliability,
} from "./calibration.js";
import { type ClassMetrics, evaluate, type SplitMetrics } from "./metrics.js";
import { rank, rankedAreas } from "./ranked.js";
import { brierScores, logLosses, weightedMean } from "./scoring-rules.js";
import { areaUnderRiskCoverage, riskCoverage } from "./selective.js";
import { classShares, countPairs, macroShares } from "./shares.js";
import { shareInterval } from "./wilson.js";

/** A figure with its interval at 95 %; null where there is nothing to divide by. */
export interface Figure {
  readonly value: number | null;
  readonly interval: Interval | null;
}

/** How well one class is recognised, with intervals at 95 %. */
export interface DetailedClassMetrics extends ClassMetrics {
  /** Wilson's. */
  readonly precisionInterval: Interval | null;
  /** Wilson's. */
  readonly recallInterval: Interval | null;
  /** By the bootstrap. */
  readonly f1Interval: Interval | null;
  /** Area under the ROC curve of this class against all others, with the bootstrap's interval. */
  readonly rocArea: Figure;
  /** Average precision of this class against all others, with the bootstrap's interval. */
  readonly averagePrecision: Figure;
}

/** Everything that is measured on one split. */
export interface DetailedMetrics extends SplitMetrics {
  /** Wilson's interval of the share of photos whose true class is among the five most probable. */
  readonly top5Interval: Interval | null;
  /** The bootstrap's interval of the mean cross-entropy. */
  readonly lossInterval: Interval | null;
  /** Mean recall of the classes that have photos. */
  readonly balancedAccuracy: Figure;
  /** Mean precision of the classes that were predicted. */
  readonly precision: Figure;
  /** Mean F1 of the classes that occur or were predicted. */
  readonly f1: Figure;
  /** Mean area under the ROC curve, each class against all others. */
  readonly rocArea: Figure;
  /** Mean average precision, each class against all others. */
  readonly averagePrecision: Figure;
  /** Brier score, summed over the classes, from 0 to 2. */
  readonly brier: Figure;
  /** Expected calibration error over ten bins. */
  readonly calibrationError: Figure;
  /** What the calibration error would be if the probabilities were exactly right; null without photos. */
  readonly calibrated: CalibratedBand | null;
  /** The reliability diagram, ten bins. */
  readonly reliability: readonly ReliabilityBin[];
  /** Area under the risk-coverage curve; null without photos. */
  readonly riskCoverageArea: number | null;
  readonly perClass: DetailedClassMetrics[];
}

/**
 * Measures predicted probabilities against the true classes in every way that Headstart knows, with intervals at 95 %: Wilson's for shares of
 * photos (accuracy, top 5, precision and recall of a class), the percentile bootstrap's for all others, from as many resamples as
 * {@link resamplesFor} says. An interval of the bootstrap says how much the figure would change with other photos of the same kind; for a biased
 * figure such as the calibration error it need not hold the figure itself.
 *
 * @param probabilities - `[photos, classes]`, row after row
 * @param labels - for each photo the index of its true class
 * @param classes - the classes' names
 * @param options - `seed`: what the bootstrap is drawn from; default 0
 * @throws HeadstartError as {@link evaluate}
 *
 * @example
 * const { balancedAccuracy } = evaluateInDetail(Float32Array.of(0.9, 0.1, 0.4, 0.6), [0, 0], ["daisy", "roses"]);
 * balancedAccuracy.value; // => 0.5
 */
export function evaluateInDetail(
  probabilities: Float32Array,
  labels: ArrayLike<number>,
  classes: readonly string[],
  { seed = 0 }: { readonly seed?: number } = {},
): DetailedMetrics {
  const metrics = evaluate(probabilities, labels, classes);
  const answers = { probabilities, labels, classes: classes.length };
  const { photos, top5, confusion } = metrics;
  const measure = measurer(answers);
  const random = createRandom(seed, "bootstrap");
  const values = measure(undefined);
  const intervals = bootstrapIntervals(photos, measure, {
    random,
    resamples: resamplesFor(photos, classes.length),
  });
  const figures = values.map(
    (value, i): Figure => ({ value, interval: value === null ? null : (intervals[i] ?? null) }),
  );
  const next = (): Figure => figures.shift() ?? { value: null, interval: null };
  const whole = {
    loss: next(),
    brier: next(),
    calibrationError: next(),
    balancedAccuracy: next(),
    precision: next(),
    f1: next(),
    rocArea: next(),
    averagePrecision: next(),
  };
  const perClass = metrics.perClass.map((own, c): DetailedClassMetrics => {
    const right = confusion[c]?.[c] ?? 0;
    const predicted = confusion.reduce((sum, row) => sum + (row[c] ?? 0), 0);
    return {
      ...own,
      precisionInterval: shareInterval(right, predicted),
      recallInterval: shareInterval(right, own.photos),
      f1Interval: next().interval,
      rocArea: next(),
      averagePrecision: next(),
    };
  });
  const { loss, ...others } = whole;
  return {
    ...metrics,
    ...others,
    top5Interval: shareInterval(Math.round((top5 ?? 0) * photos), photos),
    lossInterval: loss.interval,
    calibrated: calibratedBand(answers, createRandom(seed, "calibrated band")),
    reliability: reliability(answers),
    riskCoverageArea: areaUnderRiskCoverage(riskCoverage(answers)),
    perClass,
  };
}

/** Measures the figures that the bootstrap gives intervals to; what does not depend on the weights is done once. */
function measurer(answers: Answers): (weights: Weights | undefined) => (number | null)[] {
  const { probabilities, labels, classes } = answers;
  const decisions = decide(answers);
  const losses = logLosses(answers);
  const briers = brierScores(answers);
  const photos = Array.from({ length: labels.length }, (_, photo) => photo);
  const ranked = Array.from({ length: classes }, (_, c) =>
    rank(
      photos.map((photo) => probabilities[photo * classes + c] ?? 0),
      photos.map((photo) => labels[photo] === c),
    ),
  );
  return (weights) => {
    const shares = classShares(countPairs(labels, decisions.predicted, classes, weights));
    const macro = macroShares(shares);
    const areas = ranked.map((one) => rankedAreas(one, weights));
    return [
      weightedMean(losses, weights),
      weightedMean(briers, weights),
      errorOfDecisions(decisions, weights),
      macro.recall,
      macro.precision,
      macro.f1,
      meanOf(areas.map(({ rocArea }) => rocArea)),
      meanOf(areas.map(({ averagePrecision }) => averagePrecision)),
      ...shares.flatMap(({ f1 }, c) => [f1, areas[c]?.rocArea ?? null, areas[c]?.averagePrecision ?? null]),
    ];
  };
}
