import { type LabelledPhoto, nearName, type Skipped, type Split, scanLabelled } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { evaluate, type SplitMetrics } from "../evaluation/index.js";
import { Classifier, type ClassifierOptions } from "../model/index.js";
import { downloading, type OnProgress } from "./progress.js";

/** How {@link evaluateClassifier} works. */
export interface EvaluateOptions extends Omit<ClassifierOptions, "onProgress"> {
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Called with how far it has got. */
  readonly onProgress?: OnProgress;
}

/** What a classifier was measured at. */
export interface Evaluation {
  /** The split that was measured on; undefined where the photos say nothing of splits. */
  readonly split: Split | undefined;
  readonly metrics: SplitMetrics;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Measures a classifier on labelled photos. Photos are decoded while the network works. Classes are matched by name.
 *
 * @param model - an `.onnx` file that `train` wrote, the folder of a run, or another classifier as `Classifier.load` takes it
 * @param photos - a folder of one folder a class; a folder with split folders or a CSV manifest with splits, of which the test photos are
 *   taken, or the validation photos where there are none, or else all; a CSV manifest without splits
 * @param options - as for `Classifier.load`; interruption, progress
 * @throws HeadstartError `INVALID_DATA` if there is a class that the model does not know, or no photo can be decoded; `NOT_FOUND`,
 *   `INVALID_MODEL`; `INTERRUPTED` when the signal asks for it
 *
 * @example
 * import { evaluateClassifier } from "headstart";
 * const { metrics } = await evaluateClassifier("runs/1", "photos");
 * console.log(metrics.accuracy, metrics.accuracyInterval);
 */
export async function evaluateClassifier(
  model: string,
  photos: string,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { onProgress, ...load } = options;
  const { signal } = load;
  const classifier = await Classifier.load(model, { ...load, onProgress: downloading(onProgress) });
  try {
    const found = await scanLabelled(photos, {
      ...(signal && { signal }),
      onProgress: (done, total) =>
        onProgress?.({ kind: "progress", phase: "reading photos", done, total, detail: "" }),
    });
    const { split, chosen } = measured(found.photos);
    const labels = labelsOf(chosen, classifier.classes, model);
    const count = classifier.classes.length;
    const probabilities = new Float32Array(chosen.length * count);
    const truths: number[] = [];
    const skipped = [...found.skipped];
    let done = 0;
    const paths = chosen.map(({ path }) => path);
    for await (const answer of classifier.classify(paths, { ...(signal && { signal }) })) {
      if ("reason" in answer) skipped.push({ name: chosen[answer.index]?.name ?? "", reason: answer.reason });
      else {
        probabilities.set(answer.probabilities, truths.length * count);
        truths.push(labels[answer.index] ?? -1);
      }
      done++;
      onProgress?.({ kind: "progress", phase: "measuring", done, total: chosen.length, detail: "" });
    }
    if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The measurement was interrupted.");
    if (truths.length === 0)
      throw new HeadstartError(
        "INVALID_DATA",
        `None of the ${chosen.length} photos in ${photos} can be decoded.`,
        `The first: ${skipped.at(-1)?.name}: ${skipped.at(-1)?.reason}`,
      );
    const metrics = evaluate(probabilities.subarray(0, truths.length * count), truths, classifier.classes);
    return { split, metrics, skipped };
  } finally {
    await classifier.close();
  }
}

/** The photos to measure on: those of the test split, or of the validation split, or all. */
function measured(photos: readonly LabelledPhoto[]): {
  readonly split: Split | undefined;
  readonly chosen: readonly LabelledPhoto[];
} {
  for (const split of ["test", "validation"] as const) {
    const chosen = photos.filter((photo) => photo.split === split);
    if (chosen.length > 0) return { split, chosen };
  }
  return { split: photos.every(({ split }) => split === "train") ? "train" : undefined, chosen: photos };
}

/** For each photo the index of its class among the model's. */
function labelsOf(photos: readonly LabelledPhoto[], classes: readonly string[], model: string): number[] {
  const index = new Map(classes.map((className, label) => [className, label]));
  return photos.map(({ className }) => {
    const label = index.get(className);
    if (label !== undefined) return label;
    const near = nearName(className, classes);
    throw new HeadstartError(
      "INVALID_DATA",
      `The model ${model} does not know the class ${className}.`,
      near === undefined
        ? `Its classes are ${classes.slice(0, 5).join(", ")}${classes.length > 5 ? ` and ${classes.length - 5} more` : ""}.`
        : `It knows ${near}: give both the same name.`,
    );
  });
}
