import type { DetailedMetrics } from "../evaluation/index.js";
import type { Measure } from "../report/html/index.js";

/** With at most this many classes, the true one is always among the five most probable. */
const FEW_CLASSES = 5;

/** The measures of a split that has photos, as a report shows them; the accuracy comes first. */
export function measuresOf(metrics: DetailedMetrics): Measure[] {
  const { accuracy, accuracyInterval, top5, top5Interval, loss, lossInterval, perClass } = metrics;
  return [
    {
      id: "accuracy",
      name: "Accuracy",
      value: accuracy,
      interval: accuracyInterval,
      kind: "share",
      meaning: "share of photos whose most probable class is the true one",
    },
    ...(perClass.length > FEW_CLASSES
      ? [
          {
            name: "Top-5 accuracy",
            value: top5,
            interval: top5Interval,
            kind: "share",
            meaning: "share of photos whose true class is among the five most probable",
          } as const,
        ]
      : []),
    {
      name: "Balanced accuracy",
      ...metrics.balancedAccuracy,
      kind: "share",
      meaning: "mean of the classes' recall: every class counts the same",
    },
    { id: "f1", name: "Macro F1", ...metrics.f1, kind: "share", meaning: "mean of the classes' F1" },
    {
      id: "precision",
      name: "Macro precision",
      ...metrics.precision,
      kind: "share",
      meaning: "mean of the classes' precision",
    },
    {
      id: "roc_auc",
      name: "ROC area",
      ...metrics.rocArea,
      kind: "number",
      meaning:
        "how probable it is that a photo of a class scores higher for it than a photo of another; mean of the classes",
    },
    {
      name: "Average precision",
      ...metrics.averagePrecision,
      kind: "number",
      meaning: "mean precision as more and more photos of a class are found; mean of the classes",
    },
    {
      name: "Log loss",
      value: loss,
      interval: lossInterval,
      kind: "number",
      meaning: "mean of -ln(probability of the true class)",
    },
    {
      name: "Brier score",
      ...metrics.brier,
      kind: "number",
      meaning: "mean squared distance of the probabilities from the truth, from 0 to 2",
    },
    {
      name: "Calibration error",
      ...metrics.calibrationError,
      kind: "number",
      meaning: "mean distance of probability and share of right answers, over ten ranges of probability",
    },
    {
      name: "Risk-coverage area",
      value: metrics.riskCoverageArea,
      interval: null,
      kind: "number",
      meaning: "mean share of wrong answers when only the surest photos are answered, from few to all",
    },
  ];
}
