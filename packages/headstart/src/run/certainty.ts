import { type Calibration, fitCalibration, fitUnlike, type Unlike } from "../evaluation/index.js";
import type { Provenance } from "../model/index.js";
import { createRandom } from "../random.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunContext } from "./context.js";
import { photosOf } from "./dataset.js";
import { labelledFeatures } from "./sized-photos.js";

/** Validation photos that a calibration takes at least. */
const FEWEST_PHOTOS = 20;

/** What a classifier is told of its own certainty. */
export interface Certainty {
  /** How its scores are to be read; undefined where there are too few photos to learn it from. */
  readonly calibration: Provenance["calibration"];
  /** What says how unlike the training photos a photo is. */
  readonly unlike: Unlike;
}

/** Learns what photos unlike the training photos are. */
export async function learnUnlike(
  { runtime, choices, signal }: RunContext,
  { backbone, dataset, sized }: TrainedClassifier,
): Promise<Unlike> {
  return await fitUnlike(runtime, labelledFeatures(dataset, "train", sized), {
    features: backbone.features,
    classes: dataset.classes.length,
    random: createRandom(choices.seed, "unlike"),
    ...(signal && { signal }),
  });
}

/**
 * Learns how certain a classifier may be: from the training photos where each was answered by a head that was fitted without it, or else from
 * the validation photos, if there are 20 of them.
 *
 * @param validation - the classifier's logits of the validation photos, [photos, classes] row by row
 */
export function learnCalibration(
  { dataset, heldOut }: TrainedClassifier,
  validation: Float32Array,
): Provenance["calibration"] {
  const fittedOn = heldOut === undefined ? "validation" : "train";
  const { labels } = photosOf(dataset, fittedOn);
  if (heldOut === undefined && labels.length < FEWEST_PHOTOS) return undefined;
  const found: Calibration = fitCalibration({
    logits: heldOut ?? validation,
    labels,
    classes: dataset.classes.length,
  });
  return { fittedOn, ...found };
}
