import { mkdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { displayNames, SPLITS, type Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { storageError, writeAtomically } from "../files.js";
import { Classifier } from "../model/index.js";
import {
  composeModelCard,
  composeReport,
  type ReportData,
  type ReportPhoto,
  type TrainingReport,
} from "../report/html/index.js";
import type { EpochRow, Recipe } from "../training/index.js";
import { readAnswerCurves } from "./answer-curves.js";
import type { PhotoAnswer } from "./answers.js";
import type { Check } from "./check.js";
import { checkRun } from "./check-run.js";
import { type FinishedRun, readFinishedRun } from "./finished-run.js";
import { RUN_FILES } from "./folder.js";
import { readHistory } from "./history.js";
import { type OnProgress, teller } from "./progress.js";
import { choicesOf, sizeOf, speedOf } from "./report-facts.js";
import { findingsOf, leaksOf } from "./report-findings.js";
import { withMaps } from "./report-maps.js";
import { measuresOf } from "./report-measures.js";
import type { RunData } from "./run-data.js";

/** Choices for {@link report}. */
export interface ReportOptions {
  /** Where the report goes; the model card stands beside it. Default: `report.html` in the run's folder. */
  readonly out?: string;
  /** Whether to tell what is odd about the photos; they are checked where that has not been done. Default: true. */
  readonly check?: boolean;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Called with how far it has got. */
  readonly onProgress?: OnProgress;
}

/** What {@link report} has written. */
export interface WrittenReport {
  /** The report, absolute. */
  readonly report: string;
  /** The model card, absolute. */
  readonly card: string;
  /** The report's length. */
  readonly bytes: number;
}

/**
 * Writes the report of a finished run, one HTML file with everything in it, and beside it the model card `README.md`. `train` does so at the
 * end of every run. Photos that are gone are grey squares.
 *
 * @param run - the run's folder
 * @param options - where it goes, and what is told besides
 * @throws HeadstartError `NOT_FOUND` if there is no such run, `INVALID_RUN` if it is not finished or damaged, `STORAGE` if the disk
 *   refuses, `INTERRUPTED` when the signal asks for it; as `checkPhotos`
 *
 * @example
 * import { report } from "headstart";
 * const written = await report("runs/1", { out: "site/index.html" });
 * console.log(written.report, written.bytes);
 */
export async function report(run: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const file = resolve(options.out ?? join(run, RUN_FILES.report));
  const card = join(dirname(file), RUN_FILES.card);
  const { signal, onProgress, check: isToCheck = true } = options;
  const watched = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  const finished = await readFinishedRun(run);
  const check = isToCheck ? await checkRun(run, watched) : undefined;
  const data = await reportData(finished, { ...watched, ...(check && { check }) });
  const tell = teller(options.onProgress, "drawing photos");
  const page = await composeReport(data, (done, total) => {
    interrupt(options.signal);
    tell(done, total);
  });
  const html = Buffer.from(page);
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
    throw storageError(error, dirname(file));
  });
  await writeAtomically(card, composeModelCard(data));
  // The last: where it stands, all of it does.
  await writeAtomically(file, html);
  return { report: file, card, bytes: html.length };
}

/**
 * All that a report tells of a finished run, from what stands in its folder.
 *
 * @throws HeadstartError as {@link report}
 */
export async function reportData(
  { folder, choices, metrics, data: found, answers }: FinishedRun,
  { check, signal }: { readonly check?: Pick<Check, "findings">; readonly signal?: AbortSignal } = {},
): Promise<ReportData> {
  const history = await readHistory(folder);
  const curves = await readAnswerCurves(folder);
  const classifier = await Classifier.load(folder, { device: choices.device, threads: choices.threads });
  try {
    const { provenance } = classifier;
    const pathOf = new Map(found.photos.map(({ name }) => [name, join(found.root, name)]));
    const data: ReportData = {
      name: basename(folder),
      version: choices.version,
      source: basename(choices.photos),
      classes: displayNames(found.classes),
      choices: await choicesOf(folder, choices, provenance),
      backbone: provenance.backbone,
      imageSize: classifier.imageSize,
      ...(provenance.calibration && { calibration: provenance.calibration }),
      data: {
        counts: found.classes.map((className) => countsOf(found, className)),
        skipped: found.skipped,
        truncated: found.truncated,
        warnings: found.warnings,
        fingerprint: found.fingerprint,
        ...(check && { findings: findingsOf(check), leaks: leaksOf(check, answers) }),
      },
      training: trainingOf(choices.recipe, history.epochs, history.steps, provenance.epoch),
      splits: SPLITS.filter((split) => metrics[split].photos > 0).map((split) => {
        const own = split === "train" ? undefined : curves?.[split];
        return {
          split,
          ...metrics[split],
          measures: measuresOf(metrics[split]),
          ...(own && { curves: own }),
        };
      }),
      photos: photosFrom(answers, found.classes, pathOf),
      performance: [
        ...(await speedOf((photo) => classifier.predict(photo), [...pathOf.values()], choices)),
        ...(await sizeOf(folder)),
      ],
      run: shown(folder),
    };
    interrupt(signal);
    return await withMaps(data, folder, choices, signal);
  } finally {
    await classifier.close();
  }
}

function countsOf({ photos }: RunData, className: string): Record<Split, number> {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const photo of photos) if (photo.class === className) counts[photo.split]++;
  return counts;
}

function photosFrom(
  answers: readonly PhotoAnswer[],
  classes: readonly string[],
  pathOf: ReadonlyMap<string, string>,
): ReportPhoto[] {
  const labels = new Map(classes.map((className, label) => [className, label]));
  const labelOf = (className: string) => labels.get(className) ?? -1;
  return answers.map(({ name, split, className, top }) => ({
    path: pathOf.get(name) ?? "",
    name,
    split,
    truth: labelOf(className),
    answers: top.map((one) => [labelOf(one.className), one.probability] as const),
  }));
}

function trainingOf(
  { optimiser }: Recipe,
  epochs: readonly EpochRow[],
  steps: readonly { readonly learningRate: number }[],
  kept: number | undefined,
): TrainingReport {
  return {
    unit: optimiser.kind === "lbfgs" ? "iteration" : "epoch",
    epochs,
    learningRates: steps.map(({ learningRate }) => learningRate),
    kept: kept ?? null,
  };
}

function interrupt(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The report was interrupted.");
}

/** A run's folder as it is typed: from the current folder where it is inside, or else its name in the folder of runs. */
function shown(folder: string): string {
  const near = relative(process.cwd(), folder);
  if (near === "") return ".";
  return near.startsWith(`..${sep}`) || near === ".."
    ? join(basename(dirname(folder)), basename(folder))
    : near;
}
