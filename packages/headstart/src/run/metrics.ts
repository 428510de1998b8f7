import { join } from "node:path";
import { z } from "zod";
import type { Split } from "../data/index.js";
import {
  addUnlike,
  applyTemperature,
  type Calibration,
  type CertaintyMetrics,
  type DetailedMetrics,
  evaluateInDetail,
  measureCertainty,
  type Unlike,
} from "../evaluation/index.js";
import { readIfThere } from "../files.js";
import { floats, type Graph, GraphBuilder } from "../onnx/index.js";
import type { Session } from "../runtime/index.js";
import { addHead } from "../training/index.js";
import { type Certainty, learnCalibration, learnUnlike } from "./certainty.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunContext } from "./context.js";
import { photosOf } from "./dataset.js";
import { parseJson, RUN_FILES, writeJson } from "./folder.js";

/** All figures of a split. */
export interface MeasuredSplit extends DetailedMetrics {
  /** Whether the model keeps what it promises of its certainty; null where it promises nothing, and for training photos. */
  readonly certainty: CertaintyMetrics | null;
}

/** Figures of every split. */
export type Metrics = Readonly<Record<Split, MeasuredSplit>>;

/** Photos that the head answers at once. */
const ROWS = 2048;

/** What {@link measure} finds. */
export interface Measured {
  readonly metrics: Metrics;
  /** What the metrics come from: [photos, classes], row by row. */
  readonly probabilities: Readonly<Record<Split, Float32Array>>;
  /** What the classifier was told of its own certainty. */
  readonly certainty: Certainty;
  /** Names of the photos that were cut off or damaged. */
  readonly truncated: readonly string[];
}

/** Learns how certain a classifier may be, and measures it on every split, from the stored features. */
export async function measure(context: RunContext, classifier: TrainedClassifier): Promise<Measured> {
  const { classes } = classifier.dataset;
  const unlike = await learnUnlike(context, classifier);
  const session = await context.runtime.load(composeAnswers(classifier, unlike));
  const answers = {
    train: await answerSplit(session, classifier, "train"),
    validation: await answerSplit(session, classifier, "validation"),
    test: await answerSplit(session, classifier, "test"),
  };
  await session.close();
  const calibration = learnCalibration(classifier, answers.validation.logits);
  const measureSplit = (split: Split) => {
    const { labels, logits, unlike: each } = answers[split];
    const probabilities = Float32Array.from(
      applyTemperature(logits, classes.length, calibration?.temperature ?? 1),
    );
    const promised = split === "train" ? undefined : calibration;
    return {
      probabilities,
      metrics: measureAnswers({ probabilities, labels, unlike: each }, classes, promised),
    };
  };
  const train = measureSplit("train");
  const validation = measureSplit("validation");
  const test = measureSplit("test");
  return {
    metrics: { train: train.metrics, validation: validation.metrics, test: test.metrics },
    probabilities: {
      train: train.probabilities,
      validation: validation.probabilities,
      test: test.probabilities,
    },
    certainty: { calibration, unlike },
    truncated: Object.values(answers).flatMap(({ truncated }) => truncated),
  };
}

/**
 * All figures of some photos.
 *
 * @param answers - for each photo the probabilities, row by row; the label; and how unlike the training photos it is, where that is known
 * @param classes - the classes' names
 * @param calibration - what the model promises, if anything
 * @throws HeadstartError as `evaluate`
 */
export function measureAnswers(
  answers: {
    readonly probabilities: Float32Array;
    readonly labels: readonly number[];
    readonly unlike: ArrayLike<number> | undefined;
  },
  classes: readonly string[],
  calibration: Calibration | undefined,
): MeasuredSplit {
  const { probabilities, labels, unlike } = answers;
  return {
    ...evaluateInDetail(probabilities, labels, classes),
    certainty:
      calibration === undefined
        ? null
        : measureCertainty({ probabilities, labels, classes: classes.length }, calibration, unlike),
  };
}

/** Stored features to `logits`, float [N, C], and `unlike`, float [N]. */
function composeAnswers(
  { backbone, dataset, weight, bias }: Pick<TrainedClassifier, "backbone" | "dataset" | "weight" | "bias">,
  unlike: Unlike,
): Graph {
  const b = new GraphBuilder("answers");
  const features = b.input("features", "float32", ["N", backbone.features]);
  const head = { weight: b.constant("head.weight", weight), bias: b.constant("head.bias", bias) };
  b.output("logits", "float32", ["N", dataset.classes.length], addHead(b, { features, ...head }).logits);
  b.output("unlike", "float32", ["N"], addUnlike(b, features, unlike));
  return b.build();
}

/** What the classifier says about the photos of a split, in the order of `photosOf`. */
async function answerSplit(session: Session, { dataset, sized }: TrainedClassifier, split: Split) {
  const classes = dataset.classes.length;
  const { photos, labels } = photosOf(dataset, split);
  const logits = new Float32Array(photos.length * classes);
  const unlike = new Float32Array(photos.length);
  const truncated: string[] = [];
  for (let start = 0; start < photos.length; start += ROWS) {
    const block = await sized.features(photos.slice(start, start + ROWS));
    truncated.push(...block.truncated.map(({ name }) => name));
    const found = await session.run<"logits" | "unlike">({ features: block.features });
    logits.set(floats(found.logits), start * classes);
    unlike.set(floats(found.unlike), start);
  }
  return { labels, logits, unlike, truncated };
}

/** Writes `metrics.json`, the last file of a run: where it stands, the run is finished. */
export async function writeMetrics(folder: string, metrics: Metrics): Promise<void> {
  await writeJson(join(folder, RUN_FILES.metrics), metrics);
}

/** The figures of a finished run; undefined where it is not finished. */
export async function readMetrics(folder: string): Promise<Metrics | undefined> {
  const path = join(folder, RUN_FILES.metrics);
  const text = (await readIfThere(path))?.toString();
  // A file that is damaged, or that an earlier version wrote, is written again, at the end of the same run.
  const parsed = metricsSchema.safeParse(text === undefined ? undefined : parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

const number = z.number().nullable();
const bounds = z.tuple([z.number(), z.number()]);
const interval = bounds.nullable();
const figure = z.object({ value: number, interval });
const splitSchema: z.ZodType<MeasuredSplit> = z.object({
  photos: z.int(),
  accuracy: number,
  accuracyInterval: interval,
  top5: number,
  top5Interval: interval,
  loss: number,
  lossInterval: interval,
  balancedAccuracy: figure,
  precision: figure,
  f1: figure,
  rocArea: figure,
  averagePrecision: figure,
  brier: figure,
  calibrationError: figure,
  calibrated: z.object({ expected: z.number(), interval: bounds, bins: z.array(interval) }).nullable(),
  reliability: z.array(
    z.object({ from: z.number(), to: z.number(), photos: z.int(), confidence: number, accuracy: number }),
  ),
  riskCoverageArea: number,
  perClass: z.array(
    z.object({
      className: z.string(),
      photos: z.int(),
      precision: number,
      precisionInterval: interval,
      recall: number,
      recallInterval: interval,
      f1: number,
      f1Interval: interval,
      rocArea: figure,
      averagePrecision: figure,
    }),
  ),
  confusion: z.array(z.array(z.int())),
  certainty: z
    .object({
      thresholds: z.array(
        z.object({
          asked: z.number(),
          threshold: number,
          coverage: number,
          accuracy: number,
          accuracyInterval: interval,
        }),
      ),
      sets: z.array(
        z.object({ asked: z.number(), covered: number, coveredInterval: interval, meanSize: number }),
      ),
      unlike: number,
    })
    .nullable(),
});
const metricsSchema: z.ZodType<Metrics> = z.object({
  train: splitSchema,
  validation: splitSchema,
  test: splitSchema,
});
