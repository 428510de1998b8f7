import { bootstrapIntervals, resamplesFor } from "../evaluation/bootstrap.js";
import { type SplitMetrics, wilsonInterval } from "../evaluation/index.js";
import { createRandom } from "../random.js";
import type { ClassReport, Measure, ReliabilityBin } from "../report/html/index.js";
import type { PhotoAnswer } from "./answers.js";

/** A probability below this counts as this in the loss, as in {@link SplitMetrics}. */
const SMALLEST_PROBABILITY = 1e-7;

/**
 * The measures of a split that has photos, as a report shows them; the accuracy comes first. Shares of photos have Wilson intervals, means
 * over classes and the loss have percentile bootstrap intervals, always from the same random numbers.
 *
 * @param answers - what the classifier says about the photos of the split
 */
export function measuresOf(metrics: SplitMetrics, answers: readonly PhotoAnswer[]): Measure[] {
  const { photos, accuracy, accuracyInterval, top5, loss, perClass } = metrics;
  const [recall = null, f1 = null, ofLoss = null] = bootstrapped(
    answers,
    perClass.map(({ className }) => className),
  );
  return [
    {
      id: "accuracy",
      name: "Accuracy",
      value: accuracy,
      interval: accuracyInterval,
      kind: "share",
      meaning: "share of photos whose most probable class is the true one",
    },
    ...(perClass.length > 5 && top5 !== null
      ? [
          {
            name: "Top-5 accuracy",
            value: top5,
            interval: wilsonInterval(Math.round(top5 * photos), photos),
            kind: "share",
            meaning: "share of photos whose true class is among the five most probable",
          } as const,
        ]
      : []),
    {
      name: "Balanced accuracy",
      value: mean(perClass.map((one) => one.recall)),
      interval: recall,
      kind: "share",
      meaning: "mean of the classes' recall: every class counts the same",
    },
    {
      id: "f1",
      name: "Macro F1",
      value: mean(perClass.map((one) => one.f1)),
      interval: f1,
      kind: "share",
      meaning: "mean of the classes' F1",
    },
    {
      name: "Loss",
      value: loss,
      interval: ofLoss,
      kind: "number",
      meaning: "mean of -ln(probability of the true class)",
    },
  ];
}

/** Intervals of the balanced accuracy, the macro F1 and the loss. */
function bootstrapped(answers: readonly PhotoAnswer[], classes: readonly string[]) {
  const labels = new Map(classes.map((className, label) => [className, label]));
  const labelOf = (className: string | undefined) => labels.get(className ?? "") ?? -1;
  const rows = answers.map(({ className, probability, top }) => ({
    truth: labelOf(className),
    predicted: labelOf(top[0]?.className),
    loss: -Math.log(Math.min(1, Math.max(SMALLEST_PROBABILITY, probability))),
  }));
  return bootstrapIntervals(
    rows.length,
    (weights) => {
      const [true_, taken, right] = [0, 1, 2].map(() => new Float64Array(classes.length)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      let [loss, photos] = [0, 0];
      for (const [index, row] of rows.entries()) {
        const weight = weights[index] ?? 0;
        if (weight === 0) continue;
        add(true_, row.truth, weight);
        add(taken, row.predicted, weight);
        if (row.truth === row.predicted) add(right, row.truth, weight);
        loss += weight * row.loss;
        photos += weight;
      }
      const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
      return [
        mean(classes.map((_, label) => ratio(right[label] ?? 0, true_[label] ?? 0))),
        mean(
          classes.map((_, label) =>
            ratio(2 * (right[label] ?? 0), (true_[label] ?? 0) + (taken[label] ?? 0)),
          ),
        ),
        ratio(loss, photos),
      ];
    },
    { random: createRandom(0, "report"), resamples: resamplesFor(rows.length, 1) },
  );
}

function add(counts: Float64Array, label: number, weight: number): void {
  counts[label] = (counts[label] ?? 0) + weight;
}

/** Figures of each class with Wilson intervals. */
export function classesOf({ perClass, confusion }: SplitMetrics): ClassReport[] {
  return perClass.map(({ photos, precision, recall, f1 }, label) => {
    const right = confusion[label]?.[label] ?? 0;
    const predicted = confusion.reduce((sum, row) => sum + (row[label] ?? 0), 0);
    return {
      photos,
      precision,
      precisionInterval: predicted === 0 ? null : wilsonInterval(right, predicted),
      recall,
      recallInterval: photos === 0 ? null : wilsonInterval(right, photos),
      f1,
    };
  });
}

const BINS = 10;

/** Answers in ten ranges of their probability, of the same width; ranges without answers are left out. */
export function reliabilityOf(answers: readonly PhotoAnswer[]): ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, () => ({ photos: 0, confidence: 0, right: 0 }));
  for (const { className, top } of answers) {
    const [best] = top;
    const bin = bins[Math.min(BINS - 1, Math.floor((best?.probability ?? 0) * BINS))];
    if (best === undefined || bin === undefined) continue;
    bin.photos++;
    bin.confidence += best.probability;
    if (best.className === className) bin.right++;
  }
  return bins
    .filter(({ photos }) => photos > 0)
    .map(({ photos, confidence, right }) => ({
      photos,
      confidence: Math.min(1, confidence / photos),
      accuracy: right / photos,
      interval: wilsonInterval(right, photos),
    }));
}

/** The mean of what is known; null where nothing is. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
