import { type LabelledPhoto, nearName, type Skipped, type Split, scanLabelled } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { Classifier } from "../model/index.js";
import { type OnProgress, teller } from "./progress.js";

/** What a classifier says about labelled photos. */
export interface PhotoAnswers {
  /** The split that the photos are of; undefined where they say nothing of splits. */
  readonly split: Split | undefined;
  /** For each photo the index of its class among the model's. */
  readonly labels: readonly number[];
  /** [photos, classes], row by row. */
  readonly logits: Float32Array;
  /** [photos, classes], row by row. */
  readonly probabilities: Float32Array;
  /** How unlike the training photos each photo is; undefined where the model cannot tell. */
  readonly unlike: readonly number[] | undefined;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Has a classifier answer labelled photos, which are decoded while the network works. Classes are matched by name.
 *
 * @param source - as `evaluateClassifier` takes it; of photos in splits those of the test split are taken, or else of the validation split
 * @param options - `model`: how the classifier is called in sentences
 * @throws HeadstartError as `evaluateClassifier`
 */
export async function answerPhotos(
  classifier: Classifier,
  source: string,
  {
    model,
    signal,
    onProgress,
  }: { readonly model: string; readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
): Promise<PhotoAnswers> {
  const found = await scanLabelled(source, {
    ...(signal && { signal }),
    onProgress: teller(onProgress, "reading photos"),
  });
  const { split, chosen } = measured(found.photos);
  const wanted = labelsOf(chosen, classifier.classes, model);
  const count = classifier.classes.length;
  const logits = new Float32Array(chosen.length * count);
  const probabilities = new Float32Array(chosen.length * count);
  const labels: number[] = [];
  const unlike: number[] = [];
  const skipped = [...found.skipped];
  const tell = teller(onProgress, "measuring");
  let done = 0;
  const paths = chosen.map(({ path }) => path);
  for await (const answer of classifier.classify(paths, { ...(signal && { signal }) })) {
    if ("reason" in answer) skipped.push({ name: chosen[answer.index]?.name ?? "", reason: answer.reason });
    else {
      logits.set(answer.logits, labels.length * count);
      probabilities.set(answer.probabilities, labels.length * count);
      if (answer.unlike !== undefined) unlike.push(answer.unlike);
      labels.push(wanted[answer.index] ?? -1);
    }
    tell(++done, chosen.length);
  }
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The measurement was interrupted.");
  if (labels.length === 0)
    throw new HeadstartError(
      "INVALID_DATA",
      `None of the ${chosen.length} photos in ${source} can be decoded.`,
      `The first: ${skipped.at(-1)?.name}: ${skipped.at(-1)?.reason}`,
    );
  const values = labels.length * count;
  return {
    split,
    labels,
    logits: logits.subarray(0, values),
    probabilities: probabilities.subarray(0, values),
    unlike: unlike.length === 0 ? undefined : unlike,
    skipped,
  };
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
