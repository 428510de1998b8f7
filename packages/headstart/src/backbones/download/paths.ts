import { join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { cacheFolder, type Environment } from "../../files.js";

/** How the names of files end that stand beside a download and say something about it. */
export const SUFFIXES = {
  /** What is known of a whole file. */
  record: ".download.json",
  /** What has been fetched so far. */
  part: ".part",
  /** Where that comes from. */
  partRecord: ".part.json",
  /** Says that a process is at work on it. */
  lock: ".lock",
  /** Says that a process is taking a lock away. */
  guard: ".lock.break",
  /** A file that turned out to be another one than was promised. */
  wrong: ".wrong-checksum",
} as const;

/** Letters and digits of any script and a few signs; no dot or space at the end, which Windows drops. */
const NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M} ._+=@()-]*[\p{L}\p{N}\p{M}_+=@()-])?$/u;

/** Names that Windows gives to devices, whatever follows behind a dot. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** The folder of downloads: `weights` in the folder of the cache. */
export function downloadFolder(env: Environment = process.env): string {
  return join(cacheFolder(env), "weights");
}

/**
 * Checks a place in the folder of downloads: names with `/` between them that lead nowhere else, that every system can store, and that are
 * not kept for Headstart's own notes.
 *
 * @throws HeadstartError `INVALID_OPTION` for another path
 */
export function checkCachePath(path: string): void {
  const names = path.split("/");
  const fits = (name: string) => NAME.test(name) && !DEVICE.test(name) && Buffer.byteLength(name) <= 200;
  const reserved = Object.values(SUFFIXES).some((suffix) => path.endsWith(suffix));
  if (names.every(fits) && names.length <= 20 && !reserved) return;
  throw new HeadstartError(
    "INVALID_OPTION",
    `"${path}" is no path that a download can be stored under.`,
    "Download the file yourself, and give it a name of letters, digits, dots and hyphens.",
  );
}

/** Where a file of this place lies: `path` in `folder`. See {@link checkCachePath} for what is thrown. */
export function locate(folder: string, path: string): string {
  checkCachePath(path);
  return join(folder, ...path.split("/"));
}
