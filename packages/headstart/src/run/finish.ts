import { rm } from "node:fs/promises";
import { join } from "node:path";
import { count, type Split } from "../data/index.js";
import { writeAtomically } from "../files.js";
import { writeModel } from "../onnx/index.js";
import { answerCurves, writeAnswerCurves } from "./answer-curves.js";
import { answersOf, writeAnswers } from "./answers.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunContext } from "./context.js";
import { photosOf, writeData } from "./dataset.js";
import { RUN_FILES } from "./folder.js";
import { type Metrics, measure, writeMetrics } from "./metrics.js";
import { drawPictures } from "./pictures.js";
import { shippedModel } from "./ship.js";

/** Measures a trained classifier and leaves all that a run leaves of it: the model, pictures, answers and, last of all, its figures. */
export async function finish(context: RunContext, classifier: TrainedClassifier): Promise<Metrics> {
  const { choices, folder, report } = context;
  const { dataset, sized } = classifier;
  report({ kind: "progress", phase: "measuring", done: 0, total: 1, detail: "" });
  const { metrics, probabilities, certainty, truncated } = await measure(context, classifier);
  await sized.close();
  await writeData(folder, dataset, truncated);
  const model = shippedModel(choices, classifier, certainty, metrics);
  await writeAtomically(join(folder, RUN_FILES.model), writeModel(model));
  await drawPictures(folder, classifier, metrics, probabilities);
  await writeAnswers(folder, answersOf(dataset, probabilities));
  const curvesOf = (split: Split) => {
    const { labels } = photosOf(dataset, split);
    return labels.length === 0 ? null : answerCurves(probabilities[split], labels, dataset.classes.length);
  };
  await writeAnswerCurves(folder, { validation: curvesOf("validation"), test: curvesOf("test") });
  for (const message of sentences(truncated.length, dataset.skipped.length))
    report({ kind: "note", message });
  await writeMetrics(folder, metrics);
  // Nothing is left to go on with.
  for (const file of [RUN_FILES.checkpoint, RUN_FILES.int8]) await rm(join(folder, file), { force: true });
  report({ kind: "progress", phase: "measuring", done: 1, total: 1, detail: "" });
  return metrics;
}

function sentences(truncated: number, skipped: number): string[] {
  return [
    ...(truncated > 0 ? [`${count(truncated, "photo")} cut off or damaged, used as far as they go`] : []),
    ...(skipped > 0 ? [`${count(skipped, "file")} skipped; ${RUN_FILES.data} says which and why.`] : []),
  ];
}
