import { mkdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { displayNames, SPLITS, type Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { storageError, writeAtomically } from "../files.js";
import { Classifier } from "../model/index.js";
import {
  composeModelCard,
  composeReport,
  galleryPhotos,
  type ReportData,
  type ReportFinding,
  type ReportPhoto,
  type TrainingReport,
} from "../report/html/index.js";
import type { EpochRow, Recipe } from "../training/index.js";
import { type PhotoAnswer, readAnswers, writeAnswers } from "./answers.js";
import { readChoices } from "./folder.js";
import { readHistory } from "./history.js";
import { readMetrics } from "./metrics.js";
import type { OnProgress } from "./progress.js";
import { choicesOf, sizeOf, speedOf } from "./report-facts.js";
import { classesOf, measuresOf, reliabilityOf } from "./report-measures.js";
import { type RunData, readRunData } from "./run-data.js";

/** Names of what {@link report} leaves in a run folder. */
export const REPORT_FILES = { report: "report.html", card: "README.md" } as const;

/** Choices for {@link report}. */
export interface ReportOptions {
  /** Where the report goes; the model card stands beside it. Default: `report.html` in the run's folder. */
  readonly out?: string;
  /** What a check of the photos found. */
  readonly findings?: readonly ReportFinding[];
  /** Draws where the network looked, for a photo that stands in a gallery; undefined where it cannot. */
  readonly explain?: (photo: ReportPhoto) => Promise<Uint8Array | undefined>;
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
 * Writes the report of a finished run, one HTML file with everything in it, and beside it the model card `README.md`.
 *
 * @param run - the run's folder
 * @param options - where it goes, and what is told besides
 * @throws HeadstartError `NOT_FOUND` if there is no such run, `INVALID_RUN` if it is not finished or damaged, `STORAGE` if the disk
 *   refuses, `INTERRUPTED` when the signal asks for it
 *
 * @example
 * import { report } from "headstart";
 * const written = await report("runs/1");
 * console.log(written.report, written.bytes);
 */
export async function report(run: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const file = resolve(options.out ?? join(run, REPORT_FILES.report));
  const card = join(dirname(file), REPORT_FILES.card);
  const data = await reportData(run, options);
  const html = Buffer.from(await composeReport(data));
  interrupt(options.signal);
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
    throw storageError(error, dirname(file));
  });
  await writeAtomically(file, html);
  await writeAtomically(card, composeModelCard(data));
  return { report: file, card, bytes: html.length };
}

/**
 * All that a report tells of a finished run, from what stands in its folder. What the classifier says about each photo is computed again
 * where a run of an earlier version does not hold it.
 *
 * @throws HeadstartError as {@link report}
 */
export async function reportData(run: string, options: ReportOptions = {}): Promise<ReportData> {
  const folder = resolve(run);
  const choices = await readChoices(folder);
  const metrics = await readMetrics(folder);
  if (metrics === undefined)
    throw new HeadstartError(
      "INVALID_RUN",
      `The run ${run} is not finished.`,
      `Go on with it: headstart train --resume ${run}`,
    );
  const found = await readRunData(folder);
  const history = await readHistory(folder);
  const stored = await readAnswers(folder);
  const classifier = await Classifier.load(folder, { device: choices.device, threads: choices.threads });
  try {
    const answers = stored ?? (await answerAgain(folder, classifier, found, options));
    const classes = displayNames(found.classes);
    const pathOf = new Map(found.photos.map(({ name }) => [name, join(found.root, name)]));
    const measured = SPLITS.filter((split) => metrics[split].photos > 0);
    const data: ReportData = {
      name: basename(folder),
      version: choices.version,
      source: basename(choices.photos),
      classes,
      choices: await choicesOf(folder, choices, classifier.provenance),
      backbone: classifier.provenance.backbone,
      imageSize: classifier.imageSize,
      data: {
        counts: found.classes.map((className) => countsOf(found, className)),
        skipped: found.skipped,
        truncated: found.truncated,
        warnings: found.warnings,
        fingerprint: found.fingerprint,
        ...(options.findings && { findings: options.findings }),
      },
      training: trainingOf(choices.recipe, history.epochs, history.steps),
      splits: measured.map((split) => {
        const own = answers.filter((answer) => answer.split === split);
        return {
          split,
          photos: metrics[split].photos,
          measures: measuresOf(metrics[split], own),
          perClass: classesOf(metrics[split]),
          confusion: metrics[split].confusion,
          reliability: reliabilityOf(own),
        };
      }),
      photos: photosFrom(answers, found.classes, pathOf),
      performance: [
        ...(await speedOf((photo) => classifier.predict(photo), [...pathOf.values()], choices)),
        ...(await sizeOf(folder)),
      ],
      run: shown(folder),
    };
    return options.explain === undefined ? data : await withOverlays(data, options.explain, options.signal);
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
  { optimiser, monitor }: Recipe,
  epochs: readonly EpochRow[],
  steps: readonly { readonly learningRate: number }[],
): TrainingReport {
  return {
    unit: optimiser.kind === "lbfgs" ? "iteration" : "epoch",
    epochs,
    learningRates: steps.map(({ learningRate }) => learningRate),
    best: optimiser.kind === "lbfgs" ? null : bestEpoch(epochs, monitor),
  };
}

/** The epoch that a recipe keeps: the first of those that are best on the validation photos. */
function bestEpoch(epochs: readonly EpochRow[], monitor: Recipe["monitor"]): number | null {
  const loss = (row: EpochRow) => row.validationLoss ?? Number.POSITIVE_INFINITY;
  const isBetter = (a: EpochRow, b: EpochRow) => {
    const gain = monitor === "accuracy" ? (a.validationAccuracy ?? 0) - (b.validationAccuracy ?? 0) : 0;
    return gain > 0 || (gain === 0 && loss(a) < loss(b));
  };
  const known = epochs.filter(({ validationLoss }) => validationLoss !== null);
  return (
    known.reduce<EpochRow | null>((best, row) => (best === null || isBetter(row, best) ? row : best), null)
      ?.epoch ?? null
  );
}

/** What the classifier says about every photo of a run, from the photos themselves; it is kept for the next time. */
async function answerAgain(
  folder: string,
  classifier: Classifier,
  { root, photos }: RunData,
  { signal, onProgress }: ReportOptions,
): Promise<PhotoAnswer[]> {
  const answers: PhotoAnswer[] = [];
  const labels = new Map(classifier.classes.map((className, label) => [className, label]));
  const paths = photos.map(({ name }) => join(root, name));
  let done = 0;
  for await (const answer of classifier.classify(paths, { ...(signal && { signal }) })) {
    const photo = photos[answer.index];
    done++;
    onProgress?.({ kind: "progress", phase: "measuring", done, total: photos.length, detail: "" });
    if ("reason" in answer || photo === undefined) continue;
    answers.push({
      name: photo.name,
      split: photo.split,
      className: photo.class,
      probability: answer.probabilities[labels.get(photo.class) ?? -1] ?? 0,
      top: classifier.ranked(answer.probabilities, 5),
    });
  }
  if (photos.length > 0 && answers.length === 0)
    throw new HeadstartError(
      "NOT_FOUND",
      `None of the run's ${photos.length} photos is in ${root} any more, and the run does not hold what its model says about them.`,
      "Bring the photos back to where they were.",
    );
  interrupt(signal);
  await writeAnswers(folder, answers);
  return answers;
}

async function withOverlays(
  data: ReportData,
  explain: NonNullable<ReportOptions["explain"]>,
  signal: AbortSignal | undefined,
): Promise<ReportData> {
  const photos = [...data.photos];
  for (const index of galleryPhotos(data)) {
    interrupt(signal);
    const photo = photos[index];
    const isThere = photo !== undefined && (await stat(photo.path).catch(() => undefined)) !== undefined;
    const overlay = isThere ? await explain(photo) : undefined;
    if (photo !== undefined && overlay !== undefined) photos[index] = { ...photo, overlay };
  }
  return { ...data, photos };
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
