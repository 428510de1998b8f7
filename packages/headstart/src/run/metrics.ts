import { join } from "node:path";
import { z } from "zod";
import type { Split } from "../data/index.js";
import { evaluate, type SplitMetrics } from "../evaluation/index.js";
import { readIfThere } from "../files.js";
import { floats, int64 } from "../onnx/index.js";
import { composeEvaluation } from "../training/index.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunContext } from "./context.js";
import { photosOf } from "./dataset.js";
import { parseJson, RUN_FILES, writeJson } from "./folder.js";

/** Figures of every split. */
export type Metrics = Readonly<Record<Split, SplitMetrics>>;

/** Photos that the head answers at once. */
const ROWS = 2048;

/** What {@link measure} finds. */
export interface Measured {
  readonly metrics: Metrics;
  /** What the metrics come from: [photos, classes], row by row. */
  readonly probabilities: Readonly<Record<Split, Float32Array>>;
  /** Names of the photos that were cut off or damaged. */
  readonly truncated: readonly string[];
}

/** Measures a classifier on every split, from the stored features. */
export async function measure(
  { runtime }: RunContext,
  { backbone, dataset, sized, weight, bias }: TrainedClassifier,
): Promise<Measured> {
  const classes = dataset.classes.length;
  const session = await runtime.load(composeEvaluation({ featureCount: backbone.features, classes }));
  const truncated: string[] = [];
  const measureSplit = async (split: Split) => {
    const { photos, labels } = photosOf(dataset, split);
    const probabilities = new Float32Array(photos.length * classes);
    for (let start = 0; start < photos.length; start += ROWS) {
      const block = await sized.features(photos.slice(start, start + ROWS));
      truncated.push(...block.truncated.map(({ name }) => name));
      const own = labels.slice(start, start + ROWS);
      const found = await session.run<"probabilities">(
        {
          features: block.features,
          label: int64([own.length], own),
          "head.weight": weight,
          "head.bias": bias,
        },
        { fetch: ["probabilities"] },
      );
      probabilities.set(floats(found.probabilities), start * classes);
    }
    return { probabilities, metrics: evaluate(probabilities, labels, dataset.classes) };
  };
  const train = await measureSplit("train");
  const validation = await measureSplit("validation");
  const test = await measureSplit("test");
  await session.close();
  return {
    metrics: { train: train.metrics, validation: validation.metrics, test: test.metrics },
    probabilities: {
      train: train.probabilities,
      validation: validation.probabilities,
      test: test.probabilities,
    },
    truncated,
  };
}

/** Writes `metrics.json`, the last file of a run: where it stands, the run is finished. */
export async function writeMetrics(folder: string, metrics: Metrics): Promise<void> {
  await writeJson(join(folder, RUN_FILES.metrics), metrics);
}

/** The figures of a finished run; undefined where it is not finished. */
export async function readMetrics(folder: string): Promise<Metrics | undefined> {
  const path = join(folder, RUN_FILES.metrics);
  const text = (await readIfThere(path))?.toString();
  // A file that is damaged is written again, at the end of the same run.
  const parsed = metricsSchema.safeParse(text === undefined ? undefined : parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

const figure = z.number().nullable();
const splitSchema: z.ZodType<SplitMetrics> = z.object({
  photos: z.int(),
  accuracy: figure,
  accuracyInterval: z.tuple([z.number(), z.number()]).nullable(),
  top5: figure,
  loss: figure,
  perClass: z.array(
    z.object({ className: z.string(), photos: z.int(), precision: figure, recall: figure, f1: figure }),
  ),
  confusion: z.array(z.array(z.int())),
});
const metricsSchema: z.ZodType<Metrics> = z.object({
  train: splitSchema,
  validation: splitSchema,
  test: splitSchema,
});
