import { join } from "node:path";
import { displayNames, SPLITS, type Split } from "../data/index.js";
import { topClasses } from "../evaluation/index.js";
import { writeAtomically } from "../files.js";
import { createRandom } from "../random.js";
import { drawConfusion, drawCurves, drawGrid, type StepPoint } from "../report/index.js";
import type { StepRow } from "../training/index.js";
import type { TrainedClassifier } from "./classifier.js";
import { photosOf } from "./dataset.js";
import { RUN_FILES } from "./folder.js";
import type { Metrics } from "./metrics.js";

/** Photos in the run's grid: five rows of five. */
const GRID_PHOTOS = 25;

/** How each split is called in titles. */
const TITLES: Readonly<Record<Split, string>> = { train: "Training", validation: "Validation", test: "Test" };

/**
 * Draws a run's pictures: `curves.png`, `confusion.png`, and `grid.png`, some photos drawn at random with what the classifier says. The
 * last two show the test photos; without any, the validation photos, or else the training photos.
 */
export async function drawPictures(
  folder: string,
  { dataset, history, steps, bestEpoch, seed }: TrainedClassifier,
  metrics: Metrics,
  probabilities: Readonly<Record<Split, Float32Array>>,
): Promise<void> {
  const split = [...SPLITS].reverse().find((name) => metrics[name].photos > 0) ?? "train";
  const names = displayNames(dataset.classes);
  const { photos, labels } = photosOf(dataset, split);
  const rows = photos.map((_, row) => row);
  const shown = createRandom(seed, "grid").shuffle(rows).slice(0, GRID_PHOTOS);
  const cells = shown.map((row) => {
    const own = probabilities[split].subarray(row * names.length, (row + 1) * names.length);
    const [best = 0] = topClasses(own, 1);
    return {
      photo: photos[row]?.path ?? "",
      predicted: names[best] ?? "",
      probability: own[best] ?? 0,
      truth: names[labels[row] ?? 0] ?? "",
    };
  });
  const title = `${TITLES[split]} photos`;
  const pictures = {
    [RUN_FILES.curves]: drawCurves(history, { best: bestEpoch, steps: placed(steps, history.length) }),
    [RUN_FILES.confusion]: drawConfusion(metrics[split].confusion, names, { title }),
    [RUN_FILES.grid]: drawGrid(cells, { title }),
  };
  await Promise.all(
    Object.entries(pictures).map(
      async ([name, drawn]) => await writeAtomically(join(folder, name), await drawn),
    ),
  );
}

/** Steps with their place among the epochs, which have equally many. */
function placed(steps: readonly StepRow[], epochs: number): StepPoint[] {
  return steps.map((row, i) => ({ ...row, step: i + 1, epoch: ((i + 1) * epochs) / steps.length }));
}
