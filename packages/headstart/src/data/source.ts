import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HeadstartError } from "../errors.js";
import { storageError } from "../files.js";
import { mapBounded } from "./concurrent.js";
import { count, someNames } from "./names.js";
import type { Skipped, Split } from "./photo.js";
import { splitNamed } from "./split.js";
import {
  type Found,
  isInside,
  type Listing,
  listFolder,
  openRoot,
  type Root,
  readingReason,
  walkFolder,
} from "./walk.js";

/** A file with a label that may be a photo. */
export interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
}

/** What a folder or manifest of labelled photos says, before any photo is read. */
export interface Source {
  /** The folder that names are relative to, absolute. */
  readonly root: string;
  /** Whether it says itself which split a photo belongs to. */
  readonly hasSplits: boolean;
  readonly candidates: readonly Candidate[];
  /** Names of all classes, also of those without a file. */
  readonly classes: ReadonlySet<string>;
  readonly skipped: readonly Skipped[];
}

/**
 * Finds labelled files: in a folder with split folders that hold class folders, in a folder of class folders, or in a CSV manifest. A
 * folder of runs among the class folders is passed over.
 *
 * @throws HeadstartError `NOT_FOUND` if nothing is there, `INVALID_DATA` if it is none of the three, `STORAGE` if it may not be read
 */
export async function readSource(source: string): Promise<Source> {
  const path = resolve(source);
  try {
    const info = await stat(path);
    if (info.isDirectory()) return await readTree(source, path);
    if (/\.csv$/i.test(path)) return await readManifest(path);
  } catch (error) {
    throw storageError(error, source);
  }
  throw invalid(
    `${source} is neither a folder nor a CSV manifest.`,
    "Give a folder that holds a folder for each class, or a file that ends in .csv.",
  );
}

async function readTree(source: string, path: string): Promise<Source> {
  const root = await openRoot(path);
  const top = await listFolder(root, root);
  if (top.folders.length === 0) throw noFolders(source, top);
  const reader = new TreeReader(root);
  reader.skip(top.skipped);
  reader.skipFiles(top.files, "beside the class folders, so it has no label");
  const splits = await findSplits(root, top.folders, source);
  if (!splits) {
    const runs = new Set<Found>();
    for (const folder of top.folders) if (await holdsRuns(root, folder)) runs.add(folder);
    reader.skip([...runs].map(({ name }) => ({ name, reason: "a folder of runs, not of photos" })));
    await reader.readClasses(
      top.folders.filter((folder) => !runs.has(folder)),
      undefined,
    );
    return reader.source(false);
  }
  for (const { folder, split, listing } of splits.folders) {
    reader.skip(listing.skipped);
    reader.skipFiles(listing.files, `beside the class folders of ${folder.name}, so it has no label`);
    await reader.readClasses(listing.folders, split);
  }
  reader.skip(splits.others.map(({ name }) => ({ name, reason: "a folder beside the split folders" })));
  return reader.source(true);
}

/** Whether a folder is a run or holds runs, as when training was started inside the photos' folder: their pictures are no class. */
async function holdsRuns(root: Root, folder: Found): Promise<boolean> {
  const isRun = ({ files }: Listing) => files.some(({ path }) => basename(path) === "recipe.json");
  const listing = await listFolder(root, folder);
  if (isRun(listing)) return true;
  if (listing.files.length > 0) return false;
  for (const inner of listing.folders) if (isRun(await listFolder(root, inner))) return true;
  return false;
}

/** Gathers what class folders hold. */
class TreeReader {
  readonly #root: Root;
  readonly #candidates: Candidate[] = [];
  readonly #classes = new Set<string>();
  readonly #skipped: Skipped[] = [];

  constructor(root: Root) {
    this.#root = root;
  }

  skip(skipped: readonly Skipped[]): void {
    for (const file of skipped) this.#skipped.push(file);
  }

  skipFiles(files: readonly Found[], reason: string): void {
    this.skip(files.map(({ name }) => ({ name, reason })));
  }

  async readClasses(folders: readonly Found[], split: Split | undefined): Promise<void> {
    const listings = await mapBounded(folders, 8, (folder) => walkFolder(this.#root, folder));
    for (const [i, { files, skipped }] of listings.entries()) {
      const className = basename(folders[i]?.name ?? "");
      this.#classes.add(className);
      this.skip(skipped);
      for (const { name, path } of files) this.#candidates.push({ name, path, className, split });
    }
  }

  source(hasSplits: boolean): Source {
    return {
      root: this.#root.path,
      hasSplits,
      candidates: this.#candidates,
      classes: this.#classes,
      skipped: this.#skipped,
    };
  }
}

interface SplitFolder {
  readonly folder: Found;
  readonly split: Split;
  readonly listing: Listing;
}

/**
 * The split folders of a tree; undefined where its folders are classes. A folder counts as a split if it is named so and holds folders:
 * a class may be called `train` where its photos stand in it directly.
 */
async function findSplits(
  root: Root,
  folders: readonly Found[],
  source: string,
): Promise<{ folders: SplitFolder[]; others: Found[] } | undefined> {
  const named: SplitFolder[] = [];
  for (const folder of folders) {
    const split = splitNamed(folder.name);
    if (split) named.push({ folder, split, listing: await listFolder(root, folder) });
  }
  const holding = named.filter(({ listing }) => listing.folders.length > 0);
  const onlySplits = named.length === folders.length;
  if (holding.length === 0 && !onlySplits) return undefined;
  if (holding.length === 0 && onlySplits)
    throw invalid(
      `The split folders of ${source} hold no class folders.`,
      `Put a folder for each class into ${named.map(({ folder }) => folder.name).join(", ")}.`,
    );
  if (!onlySplits && !holding.some(({ split }) => split === "train"))
    throw invalid(
      `${source} has a split folder ${holding[0]?.folder.name} but no train folder.`,
      "Put the class folders into a folder train, or move the split folder elsewhere.",
    );
  for (const { folder, split } of named) {
    const other = named.find((earlier) => earlier.split === split && earlier.folder !== folder);
    if (other)
      throw invalid(
        `${source} has two ${split} folders: ${folder.name} and ${other.folder.name}.`,
        "Put the photos into one of them.",
      );
  }
  return {
    folders: named,
    others: folders.filter((folder) => !named.some((split) => split.folder === folder)),
  };
}

function noFolders(source: string, { files }: Listing): HeadstartError {
  if (files.length === 0)
    return invalid(`${source} is empty.`, "Put a folder for each class into it, with its photos.");
  const manifest = files.find(({ name }) => /\.csv$/i.test(name));
  return invalid(
    `${source} holds ${count(files.length, "file")} but no class folders.`,
    manifest
      ? `If ${manifest.name} names the labels, give ${join(source, manifest.name)}.`
      : "Put the photos of each class into a folder that is called as the class.",
  );
}

async function readManifest(path: string): Promise<Source> {
  // The reader of CSV files is loaded where there is one.
  const { parseManifest } = await import("./manifest.js");
  const root = await openRoot(dirname(path));
  const rows = parseManifest(await readFile(path, "utf8"), basename(path));
  const skipped: Skipped[] = [];
  const candidates: Candidate[] = [];
  const found = await mapBounded(rows, 8, ({ name, line }) => manifestFile(root, name, line));
  for (const [i, row] of rows.entries()) {
    const reason = found[i];
    if (reason === undefined)
      candidates.push({
        name: row.name,
        path: join(root.path, row.name),
        className: row.label,
        split: row.split,
      });
    else skipped.push({ name: row.name, reason });
  }
  return {
    root: root.path,
    hasSplits: rows.some(({ split }) => split),
    candidates,
    classes: new Set(rows.map(({ label }) => label)),
    skipped,
  };
}

/** Why a file that a manifest names cannot be used, or undefined if it can. */
async function manifestFile(root: Root, name: string, line: number): Promise<string | undefined> {
  try {
    const real = await realpath(join(root.path, name));
    if (!isInside(root, real)) return "a link that leads out of the folder";
    return (await stat(real)).isFile() ? undefined : `not a file (line ${line})`;
  } catch (error) {
    const reason = readingReason(error, "");
    return reason.startsWith("it vanished") || reason.includes("ENOTDIR")
      ? `there is no such file (line ${line})`
      : reason;
  }
}

/** The sentence for a source in which nothing is a photo. */
export function noPhotos(source: string, skipped: readonly Skipped[]): HeadstartError {
  const first = skipped.slice(0, 2).map(({ name, reason }) => `${name}: ${reason}`);
  return invalid(
    `There is no photo in ${source}.`,
    skipped.length === 0
      ? "Put JPEG, PNG, WebP, GIF, TIFF or AVIF files into the class folders."
      : `${count(skipped.length, "file")} cannot be used: ${someNames(first)}${skipped.length > 2 ? ", ..." : "."}`,
  );
}

/** An error about labelled photos. */
export function invalid(sentence: string, hint: string): HeadstartError {
  return new HeadstartError("INVALID_DATA", sentence, hint);
}
