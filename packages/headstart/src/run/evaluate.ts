import type { Skipped, Split } from "../data/index.js";
import { Classifier, type ClassifierOptions } from "../model/index.js";
import { answerPhotos } from "./answer-photos.js";
import { type MeasuredSplit, measureAnswers } from "./metrics.js";
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
  readonly metrics: MeasuredSplit;
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
    const { split, skipped, ...answers } = await answerPhotos(classifier, photos, {
      model,
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const { classes, provenance } = classifier;
    return { split, metrics: measureAnswers(answers, classes, provenance.calibration), skipped };
  } finally {
    await classifier.close();
  }
}
