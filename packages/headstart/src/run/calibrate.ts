import { resolve } from "node:path";
import type { Skipped } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { fitCalibration } from "../evaluation/index.js";
import { writeAtomically } from "../files.js";
import { Classifier, type Provenance, readClassifier, recalibrated } from "../model/index.js";
import { writeModel } from "../onnx/index.js";
import type { RuntimeOptions } from "../runtime/index.js";
import { answerPhotos } from "./answer-photos.js";
import type { OnProgress } from "./progress.js";

/** How {@link calibrate} works. */
export interface CalibrateOptions extends RuntimeOptions {
  /** Where the calibrated model goes. Default: it replaces the one that it was. */
  readonly out?: string;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Called with how far it has got. */
  readonly onProgress?: OnProgress;
}

/** What {@link calibrate} did. */
export interface Calibrated {
  /** Path of the calibrated model, absolute. */
  readonly model: string;
  /** What the model now says of its certainty. */
  readonly calibration: NonNullable<Provenance["calibration"]>;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Teaches a classifier how certain it may be on photos such as these: scales its probabilities, and learns from which one on its answers are
 * right as often as a user asks for, and which sets of classes hold the true one. `train` does this by itself with its own photos; photos from
 * where the classifier will be used, which it was not trained on, make its promises hold there. Which class is the most probable stays the same.
 *
 * @param model - an `.onnx` file that `train` wrote, or the folder of a run
 * @param photos - labelled photos that it was not trained on, as for `evaluateClassifier`; some hundreds are better than some dozens
 * @param options - where the model goes; device and threads; interruption, progress
 * @throws HeadstartError `INVALID_MODEL` for a network that `train` did not write; as `evaluateClassifier`
 *
 * @example
 * import { calibrate } from "headstart";
 * const { calibration } = await calibrate("runs/1", "photos", { out: "calibrated.onnx" });
 * console.log(calibration.temperature);
 */
export async function calibrate(
  model: string,
  photos: string,
  { out, signal, onProgress, ...options }: CalibrateOptions = {},
): Promise<Calibrated> {
  const read = await readClassifier(model);
  if (read === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      `${model} is not a classifier that Headstart trained.`,
      "Give the folder of a run, or its model.onnx.",
    );
  const classifier = await Classifier.load(model, options);
  try {
    const { labels, logits, skipped } = await answerPhotos(classifier, photos, {
      model,
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const found = fitCalibration({ logits, labels, classes: classifier.classes.length });
    const calibration = { fittedOn: "other", ...found } as const;
    const target = resolve(out ?? read.file);
    await writeAtomically(target, writeModel(recalibrated(read.graph, calibration)));
    return { model: target, calibration, skipped };
  } finally {
    await classifier.close();
  }
}
