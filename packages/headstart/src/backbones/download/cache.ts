import type { Dirent } from "node:fs";
import { readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { ifThere, storageError } from "../../files.js";
import { Digest } from "./digest.js";
import { checkSignal } from "./interrupted.js";
import { withLock } from "./lock.js";
import { type DownloadOptions, settled } from "./options.js";
import { locate, SUFFIXES } from "./paths.js";
import { readPartRecord, readRecord } from "./record.js";
import { TIMING, type Timing } from "./timing.js";

/** A file in the folder of downloads. */
export interface Downloaded {
  /** Its place there, with `/` between the names. */
  readonly path: string;
  /** Its absolute path. */
  readonly file: string;
  /** Bytes that are on the disk. */
  readonly size: number;
  /** Where it came from, without query. */
  readonly url: string;
  /** When it was downloaded; for one that is not whole, when its last byte came. */
  readonly date: Date;
  /** Of the whole file; undefined for a download that was cut off and can be taken up again. */
  readonly sha256: string | undefined;
}

/** What a check of a downloaded file found. */
export interface Verified {
  readonly download: Downloaded;
  /** The SHA-256 that the file has now. */
  readonly sha256: string;
  /** Whether that is what it had when it was downloaded. */
  readonly intact: boolean;
}

/** What was removed. */
export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

/**
 * What has been downloaded, whole or in part, sorted by path.
 *
 * @param options - which folder
 * @throws HeadstartError `STORAGE` if it may not be read
 */
export async function listDownloads(
  options: Pick<DownloadOptions, "folder" | "environment"> = {},
): Promise<Downloaded[]> {
  const { folder } = settled(options);
  try {
    const paths = await filesBelow(folder, "");
    const found = await Promise.all(paths.map(async (path) => await describe(folder, path)));
    return found.filter((one) => one !== undefined);
  } catch (error) {
    throw storageError(error, folder);
  }
}

/** The download that a note belongs to; undefined for a file that is no note, or one without its download. */
async function describe(folder: string, note: string): Promise<Downloaded | undefined> {
  if (note.endsWith(SUFFIXES.record)) {
    const path = note.slice(0, -SUFFIXES.record.length);
    const file = join(folder, path);
    const [record, info] = await Promise.all([readRecord(file), ifThere(stat(file))]);
    if (!record || !info) return undefined;
    const { url, sha256 } = record;
    return { path, file, size: info.size, url, date: new Date(record.date), sha256 };
  }
  if (!note.endsWith(SUFFIXES.partRecord)) return undefined;
  const path = note.slice(0, -SUFFIXES.partRecord.length);
  const file = join(folder, path);
  const [record, info] = await Promise.all([readPartRecord(file), ifThere(stat(file + SUFFIXES.part))]);
  if (!record || !info) return undefined;
  return { path, file, size: info.size, url: record.url, date: info.mtime, sha256: undefined };
}

/**
 * Reads the whole downloads again and compares their SHA-256 with what it was when they came. A file that has changed is put aside under a
 * name that ends in `.wrong-checksum`, so that it is not used any more and will be fetched anew.
 *
 * @param options - which folder; `onProgress` is told the bytes of each file; `signal` stops it
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it, `STORAGE` if a file may not be read
 */
export async function verifyDownloads(
  options: Pick<DownloadOptions, "folder" | "environment" | "signal" | "onProgress"> = {},
): Promise<Verified[]> {
  const verified: Verified[] = [];
  for (const download of await listDownloads(options)) {
    checkSignal(options.signal);
    if (download.sha256 === undefined) continue;
    try {
      const digest = new Digest(undefined, undefined);
      await digest.updateFrom(download.file, (done) => {
        checkSignal(options.signal);
        options.onProgress?.({ file: download.path, done, total: download.size });
      });
      const { sha256 } = digest.finish();
      const intact = sha256 === download.sha256;
      if (!intact) await putAside(download.file);
      verified.push({ download, sha256, intact });
    } catch (error) {
      throw storageError(error, download.file);
    }
  }
  return verified;
}

/** Renames a file that is not what it should be, and drops what was known of it. */
export async function putAside(file: string): Promise<void> {
  await rename(file, file + SUFFIXES.wrong);
  await rm(file + SUFFIXES.record, { force: true });
}

/**
 * Removes downloads, whole or in part, with all that stands beside them.
 *
 * @param path - a file's place in the folder of downloads, or that of a folder in it: `keras/resnet50_notop.h5`, `hub/OWNER/NAME`
 * @param options - which folder; `signal` stops waiting for a download that is under way
 * @throws HeadstartError `NOT_FOUND` if nothing is there, `STORAGE` if it may not be removed, `INVALID_OPTION` for an impossible path
 */
export async function removeDownload(
  path: string,
  options: Pick<DownloadOptions, "folder" | "environment" | "signal"> = {},
): Promise<Removed> {
  return await removeWith(path, options, TIMING);
}

/** {@link removeDownload} with a patience of one's own. */
export async function removeWith(
  path: string,
  options: Pick<DownloadOptions, "folder" | "environment" | "signal">,
  timing: Timing,
): Promise<Removed> {
  const { folder } = settled(options);
  const place = locate(folder, path);
  try {
    const info = await ifThere(stat(place));
    const inside = info?.isDirectory() ? await filesBelow(folder, path) : [];
    const files = [...new Set([path, ...inside].map(withoutSuffix))];
    let removed: Removed = { files: 0, bytes: 0 };
    for (const one of files) {
      const file = join(folder, ...one.split("/"));
      if (!(await ifThere(stat(dirname(file))))) continue;
      const { files, bytes } = await withLock(file, timing, options, () => removeAll(file));
      removed = { files: removed.files + files, bytes: removed.bytes + bytes };
    }
    if (removed.files === 0)
      throw new HeadstartError("NOT_FOUND", `There is no download ${path}.`, "See: headstart backbones list");
    for (const one of files) await removeEmptyFolders(folder, one);
    return removed;
  } catch (error) {
    throw storageError(error, place);
  }
}

/** Removes a file and what stands beside it, save its lock. */
async function removeAll(file: string): Promise<Removed> {
  let removed: Removed = { files: 0, bytes: 0 };
  for (const suffix of ["", SUFFIXES.record, SUFFIXES.part, SUFFIXES.partRecord, SUFFIXES.wrong]) {
    const info = await ifThere(stat(file + suffix));
    if (!info?.isFile()) continue;
    await rm(file + suffix);
    const counts = suffix === "" || suffix === SUFFIXES.part || suffix === SUFFIXES.wrong;
    removed = { files: removed.files + (counts ? 1 : 0), bytes: removed.bytes + info.size };
  }
  return removed;
}

async function removeEmptyFolders(folder: string, path: string): Promise<void> {
  for (let names = path.split("/").slice(0, -1); names.length > 0; names = names.slice(0, -1))
    // A folder that is not empty stays.
    await rmdir(join(folder, ...names)).catch(() => undefined);
}

function withoutSuffix(path: string): string {
  const suffix = Object.values(SUFFIXES).find((end) => path.endsWith(end));
  return suffix === undefined ? path : path.slice(0, -suffix.length);
}

/** All files in a folder and below, as paths with `/` from `folder` on, sorted. A folder that is missing has none. */
async function filesBelow(folder: string, path: string): Promise<string[]> {
  const entries: Dirent[] = (await ifThere(readdir(join(folder, path), { withFileTypes: true }))) ?? [];
  const lists = await Promise.all(
    entries.map(async (entry) => {
      const inner = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) return await filesBelow(folder, inner);
      return entry.isFile() ? [inner] : [];
    }),
  );
  return lists.flat().sort();
}
