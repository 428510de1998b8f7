import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DEFAULT_BACKBONE, loadBackbone } from "../backbones/index.js";
import { count, type Dataset, type Skipped } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { Runtime } from "../runtime/index.js";
import { begin, fetching, readPhotos, type TrainingOptions } from "./begin.js";
import type { Check } from "./check.js";
import type { CheckNetwork } from "./check-inputs.js";
import { checkRun } from "./check-run.js";
import { trainClassifier } from "./classifier.js";
import { networkOf, type RunNetwork } from "./context.js";
import { checkSameData, countSplits, readSkipped, writeData } from "./dataset.js";
import { finish } from "./finish.js";
import {
  createRunFolder,
  type Precision,
  RUN_FILES,
  type RunChoices,
  readChoices,
  removeHalfWritten,
  writeChoices,
} from "./folder.js";
import { RunLog } from "./log.js";
import { type Metrics, readMetrics } from "./metrics.js";
import { choosePrecision } from "./precision.js";
import type { OnProgress } from "./progress.js";
import { report as writeReport } from "./report.js";

/** Choices for {@link train}. Everything has a default. */
export interface TrainOptions extends TrainingOptions {
  /**
   * What the frozen part computes in. `auto` takes int8 only where the run is long enough to try it, int8 is faster on this machine, its
   * features agree, and cross-validated accuracy falls by at most 0.3 points. Default: `auto`.
   */
  readonly precision?: Precision;
  /** The folder that runs stand in. Default: `runs`. */
  readonly out?: string;
  /** The run's name. Default: the next number. */
  readonly name?: string;
  /**
   * Whether to check the photos at the end and to write `report.html` and the model card; `report` does so later. Default: true.
   */
  readonly report?: boolean;
}

/** What of {@link TrainOptions} is about how the work goes, and no choice of the run's. */
type HowToTrain = Pick<TrainOptions, "report" | "signal" | "onProgress">;

/** A finished run. */
export interface Run {
  /** The run's folder, absolute. */
  readonly folder: string;
  /** Path of the shipped model, to be loaded by `Classifier.load`. */
  readonly model: string;
  /** Class names, in the order of the model's outputs. */
  readonly classes: readonly string[];
  /** What was measured on each split. A split without photos has `photos: 0` and `null` for every figure. */
  readonly metrics: Metrics;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Trains an image classifier on a folder of photos and leaves everything in a run folder: the model, its figures, pictures, and what is
 * needed to repeat it.
 *
 * @param photos - a folder with `train/`, `validation/` and `test/` folders of one folder a class; a folder of one folder a class; or a
 *   CSV manifest `path,label[,split]`
 * @param options - choices; everything has a default
 * @returns the finished run
 * @throws HeadstartError `INVALID_DATA` if the photos cannot be trained on, `INVALID_OPTION` for a choice that cannot be meant,
 *   `STORAGE` if the disk refuses, `INTERRUPTED` when the signal asked for it
 *
 * @example
 * import { train } from "headstart";
 * const run = await train("photos");
 * console.log(run.metrics.test.accuracy);
 */
export async function train(photos: string, options: TrainOptions = {}): Promise<Run> {
  const { choices, network } = await begin(photos, options);
  // The folder is there before the photos are read, so that a process that is killed while it reads them can be gone on with.
  const { folder, discard } = await createRunFolder(options.out ?? "runs", options.name);
  let dataset: Dataset;
  try {
    await writeChoices(folder, choices);
    dataset = await readPhotos(choices, options);
  } catch (error) {
    await discard();
    throw error;
  }
  return await carryOut(folder, choices, network, dataset, options);
}

/**
 * Goes on with a run that was interrupted, in the same way and to the same result as if it had not been.
 *
 * @param folder - the run's folder; what it needs stands there
 * @param options - `offline`, `report`, `signal` and `onProgress`, as for {@link train}
 * @returns the finished run; one that was finished already is returned as it is, once its report is written
 * @throws HeadstartError `INVALID_RUN` if the folder is no run, or its photos or its backbone have changed since; `NOT_FOUND` if it does
 *   not exist; as {@link train}
 *
 * @example
 * import { resume } from "headstart";
 * const run = await resume("runs/1");
 * console.log(run.metrics.validation.accuracy);
 */
export async function resume(
  folder: string,
  options: Pick<TrainOptions, "offline" | "report" | "signal" | "onProgress"> = {},
): Promise<Run> {
  const absolute = resolve(folder);
  const choices = await readChoices(absolute);
  const finished = await readRun(absolute);
  if (finished !== undefined) {
    const isTold = options.report === false || (await isThere(join(absolute, RUN_FILES.report)));
    if (!isTold)
      await logged(absolute, options.onProgress, (onProgress) => tell(absolute, { ...options, onProgress }));
    options.onProgress?.({
      kind: "note",
      message: isTold
        ? `The run ${folder} is finished; there is nothing to go on with.`
        : `The run ${folder} was finished; it has its report now.`,
    });
    return finished;
  }
  await removeHalfWritten(absolute);
  const backbone = await loadBackbone(choices.backbone, { ...choices.network, ...fetching(options) });
  if (backbone.digest !== choices.backboneSha256)
    throw new HeadstartError(
      "INVALID_RUN",
      `The backbone ${choices.backbone} is not the file that the run began with.`,
      "Bring that file back, or start a new run.",
    );
  const dataset = await readPhotos(choices, options);
  await checkSameData(absolute, dataset);
  return await carryOut(absolute, choices, networkOf(backbone, choices.recipe), dataset, options);
}

/** The run in a folder; undefined where it is not finished. */
async function readRun(folder: string): Promise<Run | undefined> {
  const metrics = await readMetrics(folder);
  const model = join(folder, RUN_FILES.model);
  if (metrics === undefined || !(await isThere(model))) return undefined;
  const classes = metrics.train.perClass.map(({ className }) => className);
  return { folder, model, classes, metrics, skipped: await readSkipped(folder) };
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Checks the photos of a finished run and writes its report. */
async function tell(
  folder: string,
  { signal, onProgress }: HowToTrain,
  network?: CheckNetwork,
): Promise<void> {
  const watched = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  const check = await checkRun(folder, watched, network);
  const message = check && healthSentence(check.findings);
  if (message !== undefined) onProgress?.({ kind: "note", message });
  await writeReport(folder, watched);
}

/** What a check found, in a sentence; nothing where it is nothing of weight. */
function healthSentence(findings: Check["findings"]): string | undefined {
  const counted = (["error", "warning"] as const).flatMap((severity) => {
    const number = findings.filter((finding) => finding.severity === severity).length;
    return number === 0 ? [] : [count(number, severity)];
  });
  return counted.length === 0
    ? undefined
    : `${counted.join(" and ")} about the photos: the report shows them, and headstart check says what to do.`;
}

/** From photos that have been found to a finished run, and to what is told of it. */
async function carryOut(
  folder: string,
  choices: RunChoices,
  network: RunNetwork,
  found: Dataset,
  { report: isToReport = true, signal, onProgress }: HowToTrain,
): Promise<Run> {
  return await logged(folder, onProgress, async (onReport) => {
    const how = { ...(signal && { signal }), onProgress: onReport };
    const { run, frozen } = await trainAndMeasure(folder, choices, network, found, how);
    if (isToReport) await tell(folder, how, frozen);
    return run;
  });
}

/** Does some work on a run, all of which its log tells. */
async function logged<T>(
  folder: string,
  onProgress: OnProgress | undefined,
  work: (onReport: OnProgress) => Promise<T>,
): Promise<T> {
  const log = RunLog.open(folder, onProgress);
  try {
    return await work((progress) => log.report(progress));
  } catch (error) {
    log.failed(error);
    throw error;
  } finally {
    await log.close();
  }
}

/** The way of a photo, from top to bottom. Where the whole network is frozen, it is returned beside the run: photos are checked by its features. */
async function trainAndMeasure(
  folder: string,
  choices: RunChoices,
  network: RunNetwork,
  found: Dataset,
  { signal, onProgress: report }: { readonly signal?: AbortSignal; readonly onProgress: OnProgress },
): Promise<{ readonly run: Run; readonly frozen: CheckNetwork | undefined }> {
  const runtime = Runtime.start(choices);
  try {
    await writeData(folder, found);
    report({
      kind: "found",
      folder,
      classes: found.classes,
      photos: countSplits(found.photos),
      skipped: found.skipped.length,
      warnings: found.warnings,
    });
    const { backbone } = network;
    if (choices.backbone !== DEFAULT_BACKBONE)
      report({ kind: "note", message: `${backbone.name}: photos are prepared ${backbone.preparation}` });
    const context = await choosePrecision(
      { folder, choices, ...network, runtime, report, ...(signal && { signal }) },
      found,
    );
    const classifier = await trainClassifier(context, found);
    const metrics = await finish(context, classifier);
    const { classes, skipped } = classifier.dataset;
    const { fineTune, resize } = choices.recipe;
    return {
      run: { folder, model: join(folder, RUN_FILES.model), classes, metrics, skipped },
      frozen:
        fineTune === "head"
          ? { backbone: context.backbone, imageSize: classifier.imageSize, resize }
          : undefined,
    };
  } finally {
    await runtime.close();
  }
}
