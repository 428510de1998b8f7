import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { storageError } from "../files.js";
import { type InspectOptions, inspectFiles } from "./inspect.js";
import { compareNames, count, nearName, someNames } from "./names.js";
import {
  type Dataset,
  type LabelledPhoto,
  type LabelledPhotos,
  type Photo,
  type Skipped,
  SPLITS,
} from "./photo.js";
import { invalid, noPhotos, readSource, type Source } from "./source.js";
import { checkFractions, DEFAULT_FRACTIONS, type Fractions, splitNamed, splitOf } from "./split.js";
import { type Found, openRoot, walkFolder } from "./walk.js";

/** How {@link scanPhotos} splits, reports and is stopped. */
export interface ScanOptions extends InspectOptions {
  /** Shares of train, validation and test where the source has no splits of its own (default 70/15/15). */
  readonly split?: Fractions;
  /** Which split by content is taken (default 0). */
  readonly seed?: number;
}

/** The fewest photos of a class that can be trained on. */
export const MIN_TRAINING_PHOTOS = 2;

/**
 * Reads labelled photos to train on. The source is one of:
 *
 * - a folder with `train` (or `training`) and perhaps `valid`, `val` or `validation` and `test` or `testing`, in any case, each with a
 *   folder for each class;
 * - a folder with a folder for each class, which is split by content ({@link splitOf});
 * - a CSV manifest `path,label[,split]`, whose paths are relative to its folder.
 *
 * Every photo is read to its end for its digest. What is not a photo, cannot be read or has no label is left out and listed in `skipped`.
 * The result does not depend on the order in which the file system lists files.
 *
 * @throws HeadstartError `NOT_FOUND` if nothing is there; `INVALID_DATA` if it cannot be trained on: no photos, one class only, a class
 *   with fewer than 2 training photos, a class that only validation or test has; `INVALID_OPTION` for fractions that cannot be meant
 */
export async function scanPhotos(source: string, options: ScanOptions = {}): Promise<Dataset> {
  const fractions = options.split ?? DEFAULT_FRACTIONS;
  checkFractions(fractions);
  const found = await readSource(source);
  const { photos: labelled, skipped } = await inspect(source, found, options);
  const photos = labelled.map(
    (photo): Photo => ({
      ...photo,
      split: photo.split ?? splitOf(photo.digest, options.seed ?? 0, fractions),
    }),
  );
  checkTrainable(source, found, photos);
  const classes = sortedClasses(photos);
  return {
    root: found.root,
    classes,
    photos,
    skipped,
    warnings: [...absences(classes, photos), ...contradictions(photos)],
    fingerprint: fingerprint(photos),
  };
}

/**
 * Reads labelled photos to measure with, from the same sources as {@link scanPhotos} or from one split folder (class folders directly
 * inside). Nothing is split and one photo is enough; `split` is what the source says, or undefined.
 *
 * @throws HeadstartError `NOT_FOUND`, `STORAGE`, or `INVALID_DATA` if there is no photo
 */
export async function scanLabelled(source: string, options: InspectOptions = {}): Promise<LabelledPhotos> {
  const found = await readSource(source);
  const { photos, skipped } = await inspect(source, found, options);
  return {
    root: found.root,
    classes: sortedClasses(photos),
    photos,
    skipped,
    warnings: contradictions(photos),
  };
}

/** A photo to predict. */
export interface ListedPhoto {
  readonly path: string;
  /** The path as it was given; for a photo in a folder that was given, the folder's and the way from there. */
  readonly name: string;
}

/**
 * Finds photos without labels: each path is a file, or a folder that is searched with all folders inside it. The order is that of the
 * paths, and by name inside a folder.
 *
 * @throws HeadstartError `NOT_FOUND` if a path does not exist, `STORAGE` if it may not be read
 */
export async function listPhotos(
  paths: readonly string[],
  options: InspectOptions = {},
): Promise<{ photos: ListedPhoto[]; skipped: Skipped[] }> {
  const files: ListedPhoto[] = [];
  const skipped: Skipped[] = [];
  for (const given of paths) {
    const path = resolve(given);
    try {
      if (!(await stat(path)).isDirectory()) files.push({ path, name: given });
      else {
        const folder = await openRoot(path);
        const listing = await walkFolder(folder, folder);
        const prefix = `${given.replace(/[\\/]+$/, "")}/`;
        for (const file of [...listing.files].sort(byName))
          files.push({ path: file.path, name: `${prefix}${file.name}` });
        for (const { name, reason } of listing.skipped) skipped.push({ name: `${prefix}${name}`, reason });
      }
    } catch (error) {
      throw storageError(error, given);
    }
  }
  const photos: ListedPhoto[] = [];
  for (const [i, content] of (await inspectFiles(files, { ...options, digest: false })).entries()) {
    const file = files[i];
    if ("reason" in content) skipped.push(content);
    else if (file) photos.push(file);
  }
  return { photos, skipped: skipped.sort(byName) };
}

function byName(a: Pick<Found, "name">, b: Pick<Found, "name">): number {
  return compareNames(a.name, b.name);
}

async function inspect(
  source: string,
  found: Source,
  options: InspectOptions,
): Promise<{ photos: LabelledPhoto[]; skipped: Skipped[] }> {
  const candidates = [...found.candidates].sort(
    (a, b) => compareNames(a.className, b.className) || byName(a, b),
  );
  const contents = await inspectFiles(candidates, options);
  const photos: LabelledPhoto[] = [];
  const skipped = [...found.skipped];
  for (const [i, content] of contents.entries()) {
    const candidate = candidates[i];
    if ("reason" in content) skipped.push(content);
    else if (candidate) photos.push({ ...candidate, digest: content.digest, bytes: content.bytes });
  }
  skipped.sort(byName);
  if (photos.length === 0) throw noPhotos(source, skipped);
  return { photos, skipped };
}

function sortedClasses(photos: readonly { className: string }[]): string[] {
  return [...new Set(photos.map(({ className }) => className))].sort(compareNames);
}

/** Refuses what cannot be trained on, and says what to do. */
function checkTrainable(source: string, found: Source, photos: readonly Photo[]): void {
  const training = new Map<string, number>();
  for (const { className, split } of photos)
    if (split === "train") training.set(className, (training.get(className) ?? 0) + 1);
  if (found.hasSplits && training.size === 0)
    throw invalid(
      `${source} has no training photos.`,
      "Put them into a folder train with a folder for each class (in a manifest: the split train).",
    );
  const trained = [...training.keys()].sort(compareNames);
  if (found.hasSplits) checkKnown(trained, photos);
  const classes = [...found.classes].sort(compareNames);
  if (classes.length === 1)
    throw invalid(
      `There is one class only: ${classes[0]}.`,
      splitInside(source, found) ?? "A classifier needs at least two: add a folder for each other class.",
    );
  const short = classes.filter((name) => (training.get(name) ?? 0) < MIN_TRAINING_PHOTOS);
  const first = short[0];
  if (first === undefined) return;
  const others =
    short.length > 1
      ? ` (and ${count(short.length - 1, "other class", "other classes")}: ${someNames(short.slice(1))})`
      : "";
  throw invalid(
    `The class ${first} has ${count(training.get(first) ?? 0, "training photo")}${others}; every class needs at least ${MIN_TRAINING_PHOTOS}.`,
    found.hasSplits
      ? "Add photos to its training split, or remove the class from every split."
      : "Add photos, remove the class, or give more of the photos to training with another split or seed.",
  );
}

/** Refuses classes that are measured but never trained on. */
function checkKnown(trained: readonly string[], photos: readonly Photo[]): void {
  const known = new Set(trained);
  const unknown = photos.find(({ className }) => !known.has(className));
  if (!unknown) return;
  const { className, split } = unknown;
  const near = nearName(className, trained);
  throw invalid(
    `The ${split} split has a class that the training photos lack: ${className}.`,
    near === undefined
      ? "Add training photos for it, or remove it."
      : `The training photos have ${near}: give both the same name.`,
  );
}

/** A hint for those who gave the folder above the one they meant. */
function splitInside(source: string, found: Source): string | undefined {
  const inner = new Set(found.candidates.map(({ name }) => name.split("/")[1] ?? ""));
  const [only] = found.classes;
  const isSplit = [...inner].every((name) => splitNamed(name));
  return isSplit && !found.hasSplits
    ? `Its folders look like splits: give ${source.replace(/[\\/]+$/, "")}/${only}.`
    : undefined;
}

/** Warnings about classes that a split has no photo of. */
function absences(classes: readonly string[], photos: readonly Photo[]): string[] {
  const warnings: string[] = [];
  for (const split of SPLITS) {
    const present = new Set(
      photos.filter((photo) => photo.split === split).map(({ className }) => className),
    );
    const absent = classes.filter((name) => !present.has(name));
    if (present.size > 0 && absent.length > 0)
      warnings.push(
        `The ${split} split has no photo of ${count(absent.length, "class", "classes")}: ${someNames(absent)}.`,
      );
  }
  return warnings;
}

/** A warning about exact copies with different labels. */
function contradictions(photos: readonly LabelledPhoto[]): string[] {
  const byDigest = new Map<string, LabelledPhoto[]>();
  for (const photo of photos) {
    const copies = byDigest.get(photo.digest);
    if (copies) copies.push(photo);
    else byDigest.set(photo.digest, [photo]);
  }
  const odd = [...byDigest.values()].filter((copies) =>
    copies.some(({ className }) => className !== copies[0]?.className),
  );
  const [first] = odd;
  if (!first) return [];
  const other = first.find(({ className }) => className !== first[0]?.className);
  return [
    `${count(odd.length, "photo")} ${odd.length === 1 ? "has" : "have"} exact copies with another label, such as ${first[0]?.name} and ${other?.name}.`,
  ];
}

function fingerprint(photos: readonly Photo[]): string {
  const hash = createHash("sha256");
  for (const { name, className, split, digest } of [...photos].sort(byName))
    hash.update(`${JSON.stringify([name, className, split, digest])}\n`);
  return hash.digest("hex");
}
