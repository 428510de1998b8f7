import { loadBackbone } from "../backbones/index.js";
import {
  type CheckedPhoto,
  checkFractions,
  classFindings,
  compareFindings,
  copyFindings,
  DEFAULT_FRACTIONS,
  exactCopies,
  type Finding,
  type FindingPhoto,
  type LabelledPhotos,
  labelFindings,
  leakedPhotos,
  namedClasses,
  nearCopies,
  nearPairs,
  outlierFindings,
  outlierScores,
  photoFindings,
  rowNumbers,
  type Skipped,
  scanLabelled,
  shortcutFindings,
  someRows,
  splitOf,
  unreadableFindings,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { type Device, Runtime } from "../runtime/index.js";
import { fetching } from "./begin.js";
import { asByDefault, type CheckInputs, type CheckNetwork, readCheckInputs } from "./check-inputs.js";
import { findDoubtfulLabels } from "./check-labels.js";
import { type OnProgress, teller } from "./progress.js";

/** How {@link checkPhotos} checks. */
export interface CheckOptions {
  /** Other photos, such as those that a model is measured on, that must not be among the first. Any source that the first may be. */
  readonly against?: string;
  /** What decides which split photos are in where no folders say so, as for `train`. Default: 0. */
  readonly seed?: number;
  /** Fractions of photos to train on, to validate with and to test with, where no folders say so. Default: 0.7, 0.15, 0.15. */
  readonly split?: readonly [number, number, number];
  /** The network whose features photos are compared by. Default: `efficientnet-lite0`. */
  readonly backbone?: string;
  /** Fetch nothing: a network that has to be downloaded must have been downloaded before. Default: false. */
  readonly offline?: boolean;
  /** Threads that ONNX Runtime uses. Default: as many as the machine runs at once. */
  readonly threads?: number;
  /** Where the network runs. Default: `cpu`. */
  readonly device?: Device;
  /** Ends early; what was computed of photos is kept for the next time. */
  readonly signal?: AbortSignal;
  /** Called with what is going on. */
  readonly onProgress?: OnProgress;
}

/** What {@link checkPhotos} found. */
export interface Check {
  /** The folder that names are relative to, absolute. */
  readonly root: string;
  readonly classes: readonly string[];
  /** Number of photos that were checked, without the other photos. */
  readonly photos: number;
  /** The severest first. */
  readonly findings: readonly Finding[];
  /** Photos to choose or measure by that show what training photos show; those of the other photos are among them. */
  readonly leaked: readonly FindingPhoto[];
}

/**
 * Looks for what is wrong with labelled photos before they are trained on: files that cannot be used or are odd, copies, classes, labels that the
 * other photos contradict, outliers, shortcuts. Photos that are in no split are checked in the one that `train` would put them into.
 * Features and what photos look like are kept for the next time, and `train` finds the features.
 *
 * @param photos - a folder or a CSV manifest, as for `train`
 * @throws HeadstartError `NOT_FOUND` if nothing is there, `INVALID_DATA` if there is no photo; as `loadBackbone`; `INTERRUPTED` when the
 *   signal asks for it
 *
 * @example
 * import { checkPhotos } from "headstart";
 * const { findings } = await checkPhotos("photos");
 * for (const { severity, sentence, advice } of findings) console.log(severity, sentence, advice);
 */
export async function checkPhotos(photos: string, options: CheckOptions = {}): Promise<Check> {
  const backbone = await loadBackbone(options.backbone, fetching(options));
  return await checkBy(asByDefault(backbone), photos, options);
}

/** As {@link checkPhotos}, by the features of a network that is there. */
export async function checkBy(
  network: CheckNetwork,
  photos: string,
  options: Omit<CheckOptions, "backbone" | "offline">,
): Promise<Check> {
  const { against, seed = 0, split: fractions = DEFAULT_FRACTIONS, device, threads, signal } = options;
  checkFractions(fractions);
  const found = await scan(photos, options);
  const own = found.photos.map(
    ({ split, ...photo }): CheckedPhoto => ({
      ...photo,
      side: split ?? splitOf(photo.digest, seed, fractions),
    }),
  );
  const others = against === undefined ? [] : await scanOthers(against, own, options);
  const runtime = Runtime.start({ ...(device && { device }), ...(threads !== undefined && { threads }) });
  try {
    const contents = oneOfEach([...own, ...others]);
    const inputs = await readCheckInputs({ ...options, ...network, runtime }, contents);
    const isSound = ({ digest }: CheckedPhoto) => !inputs.failures.has(digest);
    const sound = own.filter(isSound);
    const both = [...sound, ...others.filter(isSound)];
    stopIfAsked(signal);
    const copies = await findCopies(runtime, both, inputs, options);
    stopIfAsked(signal);
    const labels = await judgeLabels(runtime, sound, inputs, found.classes, options);
    const appearanceOf = new Map(inputs.rows.map((digest, row) => [digest, inputs.appearances[row]]));
    const seen = sound.flatMap((photo) => {
      const appearance = appearanceOf.get(photo.digest);
      return appearance === undefined ? [] : [{ ...photo, appearance }];
    });
    const classes = new Set([...(await namedClasses(photos)), ...others.map(({ className }) => className)]);
    const findings = [
      ...unreadableFindings(found.skipped, failed(own, inputs)),
      ...photoFindings(seen),
      ...copies,
      ...classFindings(both, [...classes]),
      ...labels,
      ...shortcutFindings(seen, found.classes),
    ];
    return {
      root: found.root,
      classes: found.classes,
      photos: own.length,
      findings: findings.sort(compareFindings),
      leaked: leakedPhotos(copies),
    };
  } finally {
    await runtime.close();
  }
}

/** How the work of a check is watched and stopped. */
type Watched = Pick<CheckOptions, "signal" | "onProgress">;

async function scan(source: string, { signal, onProgress }: Watched): Promise<LabelledPhotos> {
  return await scanLabelled(source, {
    ...(signal && { signal }),
    onProgress: teller(onProgress, "reading photos"),
  });
}

/** The other photos. Files that are among the first, as where a folder is checked against one inside it, are no others. */
async function scanOthers(
  against: string,
  own: readonly CheckedPhoto[],
  options: Watched,
): Promise<CheckedPhoto[]> {
  const paths = new Set(own.map(({ path }) => path));
  const { photos } = await scan(against, options);
  const others = photos.filter(({ path }) => !paths.has(path));
  if (others.length === 0)
    throw new HeadstartError(
      "INVALID_OPTION",
      `All photos of ${against} are among those that are checked.`,
      "Check against other photos, or leave --against out: splits of one folder are compared without it.",
    );
  return others.map(({ split: _, ...photo }) => ({ ...photo, side: "against" }));
}

async function findCopies(
  runtime: Runtime,
  photos: readonly CheckedPhoto[],
  inputs: CheckInputs,
  { onProgress }: Watched,
): Promise<Finding[]> {
  const pairs = await nearPairs(runtime, inputs, teller(onProgress, "comparing photos"));
  return [
    ...copyFindings(exactCopies(photos), "exact"),
    ...copyFindings(nearCopies(photos, inputs.rows, pairs), "near"),
  ];
}

/** Findings about single labels: those that others contradict, and photos that are far from their class. */
async function judgeLabels(
  runtime: Runtime,
  photos: readonly CheckedPhoto[],
  { features }: CheckInputs,
  classes: readonly string[],
  { signal, onProgress }: Watched,
): Promise<Finding[]> {
  // Copies are judged once. The photos come first among those that have features, in the same order.
  const judged = oneOfEach(photos);
  const own = someRows(features, rowNumbers(0, judged.length));
  const numbers = new Map(classes.map((name, number) => [name, number]));
  const labels = judged.map(({ className }) => numbers.get(className) ?? 0);
  const scores = await outlierScores(runtime, own, labels, classes.length);
  const doubtful = await findDoubtfulLabels(
    runtime,
    { features: own, labels, digests: judged.map(({ digest }) => digest) },
    {
      ...(signal && { signal }),
      onProgress: (round, done, total) =>
        teller(
          onProgress,
          "judging labels",
          `round ${round} of 2`,
        )(Math.round((done / total) * judged.length), judged.length),
    },
  );
  return [...labelFindings(judged, classes, doubtful), ...outlierFindings(judged, scores)];
}

function failed(photos: readonly CheckedPhoto[], { failures }: CheckInputs): Skipped[] {
  return photos.flatMap(({ name, digest }) => {
    const reason = failures.get(digest);
    return reason === undefined ? [] : [{ name, reason }];
  });
}

/** The first photo of each content. */
function oneOfEach(photos: readonly CheckedPhoto[]): CheckedPhoto[] {
  const seen = new Set<string>();
  return photos.filter(({ digest }) => seen.size < seen.add(digest).size);
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The check was interrupted.");
}
