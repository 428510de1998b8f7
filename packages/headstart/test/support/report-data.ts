import { SPLITS } from "../../src/data/index.js";
import type { AnswerCurves, ReportData, ReportPhoto, SplitReport } from "../../src/report/html/index.js";

/** Names that would do harm if they were not escaped. */
export const HOSTILE = [
  "<script>alert(1)</script>",
  `"><img src=x onerror=alert(1)>'`,
  "\u202egnp.אבג &lt;b&gt;",
  "🦊 & <b>fox</b>\u0000\ud800",
] as const;

/** What a made-up report is made of. */
export interface MadeUp {
  readonly classes: readonly string[];
  /** Photos of each class; of every ten, seven train, one validates and two test. */
  readonly perClass: number;
  /** Paths or names that are used in turn. */
  readonly paths: readonly string[];
  /** Of the photos, every so many is answered wrong. */
  readonly wrongEvery?: number;
  readonly overlay?: Uint8Array;
}

/** A report of made-up answers; the same for the same arguments. */
export function madeUpReport({ classes, perClass, paths, wrongEvery = 7, overlay }: MadeUp): ReportData {
  const photos = classes.flatMap((className, truth) =>
    Array.from({ length: perClass }, (_, number): ReportPhoto => {
      const index = truth * perClass + number;
      const isWrong = index % wrongEvery === 3;
      const predicted = isWrong ? (truth + 1 + (index % 3)) % classes.length : truth;
      const probability = 0.5 + ((index * 37) % 50) / 100;
      const split = number % 10 < 7 ? "train" : number % 10 === 7 ? "validation" : "test";
      return {
        path: paths[index % paths.length] ?? "",
        name: `${className}/${number}.jpg`,
        split,
        truth,
        answers: [
          [predicted, probability],
          [(predicted + 1) % classes.length, 1 - probability],
        ],
        ...(overlay !== undefined && { overlay }),
      };
    }),
  );
  return {
    name: classes[0] ?? "",
    version: "1.2.3",
    source: classes[1] ?? "",
    classes,
    choices: [
      { name: "Recipe", value: classes[0] ?? "", note: classes[2] ?? "" },
      { name: "Seed", value: "0" },
    ],
    backbone: { name: "tiny", licence: "Apache-2.0", source: "made for this test" },
    imageSize: 224,
    calibration: { temperature: 1.25, photos: 120, fittedOn: "train", thresholds: [], sets: [] },
    data: {
      counts: classes.map((_, truth) => countsOf(photos.filter((photo) => photo.truth === truth))),
      skipped: [{ name: classes[0] ?? "", reason: "it is a text" }],
      truncated: [classes[1] ?? ""],
      warnings: [`The class ${classes[2]} is small.`],
      findings: [
        {
          severity: "error",
          title: "near copies in two splits",
          items: photos.slice(0, 30).map(({ name }, index) => ({
            sentence: `${name} is in two splits.`,
            confidence: 0.97,
            photos: [name, photos[index + 40]?.name ?? "gone.jpg"],
            advice: "Keep one of them.",
          })),
        },
        {
          severity: "note",
          title: "tiny",
          items: ["first", "second"].map((name) => ({
            sentence: `${classes[0]} is tiny.`,
            confidence: 1,
            photos: [],
            advice: `Look at the ${name}.`,
          })),
        },
      ],
      leaks: [{ split: "test", leaked: 3, accuracy: 0.9, without: 0.875 }],
      fingerprint: "abc",
    },
    training: {
      unit: "epoch",
      epochs: [1, 2, 3].map((epoch) => ({
        epoch,
        stage: 1,
        imageSize: 224,
        loss: 1 / epoch,
        accuracy: 1 - 0.3 / epoch,
        validationLoss: epoch === 2 ? 0.4 : 0.6,
        validationAccuracy: 0.8,
      })),
      learningRates: [0.1, 0.05, 0.01],
      kept: 2,
    },
    splits: SPLITS.map((split) =>
      splitReport(
        split,
        classes,
        photos.filter((photo) => photo.split === split),
      ),
    ),
    photos,
    performance: [{ name: "Model", value: "1.0 MB" }],
    run: classes[3] ?? "runs/1",
  };
}

function countsOf(photos: readonly ReportPhoto[]) {
  const counts = { train: 0, validation: 0, test: 0 };
  for (const { split } of photos) counts[split]++;
  return counts;
}

function splitReport(
  split: SplitReport["split"],
  classes: readonly string[],
  photos: readonly ReportPhoto[],
): SplitReport {
  const confusion = classes.map(() => classes.map(() => 0));
  for (const { truth, answers } of photos) {
    const row = confusion[truth] ?? [];
    const predicted = answers[0]?.[0] ?? 0;
    row[predicted] = (row[predicted] ?? 0) + 1;
  }
  const right = confusion.reduce((sum, row, label) => sum + (row[label] ?? 0), 0);
  const accuracy = right / photos.length;
  return {
    split,
    photos: photos.length,
    measures: [
      {
        id: "accuracy",
        name: "Accuracy",
        value: accuracy,
        interval: [accuracy - 0.01, Math.min(1, accuracy + 0.01)],
        kind: "share",
        meaning: "share of photos answered right",
      },
      { name: "Log loss", value: 0.5, interval: null, kind: "number", meaning: "mean of -ln(p)" },
    ],
    calibrationError: { value: 0.03, interval: [0.02, 0.05] },
    calibrated: { expected: 0.02, interval: [0.01, 0.04], bins: [null, [0.2, 0.9], [0.88, 0.97]] },
    perClass: classes.map((className, label) => {
      const row = confusion[label] ?? [];
      const total = row.reduce((sum, value) => sum + value, 0);
      const recall = total === 0 ? null : (row[label] ?? 0) / total;
      return {
        className,
        photos: total,
        precision: recall,
        precisionInterval: [0.1, 0.9],
        recall,
        recallInterval: null,
        f1: recall,
        f1Interval: [0.2, 0.8],
        rocArea: { value: 0.99, interval: [0.9, 1] },
        averagePrecision: { value: recall, interval: null },
      };
    }),
    confusion,
    reliability: [
      { from: 0, to: 0.5, photos: 0, confidence: null, accuracy: null },
      { from: 0.5, to: 0.9, photos: 4, confidence: 0.55, accuracy: 0.5 },
      { from: 0.9, to: 1, photos: 40, confidence: 0.95, accuracy: 0.9 },
    ],
    certainty:
      split === "train"
        ? null
        : {
            thresholds: [
              { asked: 0.95, threshold: 0.7, coverage: 0.9, accuracy: 0.96, accuracyInterval: [0.9, 0.99] },
              { asked: 0.99, threshold: null, coverage: 0, accuracy: null, accuracyInterval: null },
            ],
            sets: [{ asked: 0.9, covered: 0.91, coveredInterval: [0.85, 0.95], meanSize: 1.2 }],
            unlike: 0.01,
          },
    ...(split !== "train" && { curves: curves(classes.length) }),
  };
}

/** Curves of as many points as the longest have. */
function curves(classes: number): AnswerCurves {
  const points = Array.from({ length: 60 }, (_, index) => [index / 59, Math.sqrt(index / 59)] as const);
  const falling = points.map(([x]) => [x, 1 - x ** 3] as const);
  return {
    perClass: Array.from({ length: classes }, (_, label) =>
      label === 1 ? { roc: null, precisionRecall: null } : { roc: points, precisionRecall: falling },
    ),
    riskCoverage: points.map(([x]) => [x, x * 0.1] as const),
  };
}
