import type { Dirent } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere, storageError, TEMPORARY_SUFFIX } from "../files.js";
import { mapBounded } from "./concurrent.js";
import { readSegment } from "./segment.js";

/**
 * What the cache holds: `features`, numbers that a backbone made of photos; `decoded`, photos decoded at the training size; `int8`,
 * backbones calibrated on photos.
 */
export type CacheKind = "features" | "decoded" | "int8";

const KINDS: readonly CacheKind[] = ["features", "decoded", "int8"];

/** How much of one kind the cache holds. */
export interface CacheContents {
  readonly kind: CacheKind;
  readonly files: number;
  /** Number of photos; one that is held under several backbones, sizes or ways of resizing counts for each. None of backbones. */
  readonly photos: number;
  readonly bytes: number;
}

interface CacheFile {
  readonly kind: CacheKind;
  readonly path: string;
  readonly bytes: number;
  /** When it was written or last used, in milliseconds since 1970. */
  readonly used: number;
}

async function listFiles(kind: CacheKind, folder: string, list: CacheFile[]): Promise<void> {
  const entries: Dirent[] = (await ifThere(readdir(folder, { withFileTypes: true }))) ?? [];
  await mapBounded(entries, 16, async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(kind, path, list);
    if (!entry.isFile()) return;
    const info = await ifThere(stat(path));
    if (info) list.push({ kind, path, bytes: info.size, used: info.mtimeMs });
  });
}

async function listCache(folder: string): Promise<CacheFile[]> {
  const files: CacheFile[] = [];
  for (const kind of KINDS) await listFiles(kind, join(folder, kind), files);
  return files;
}

/**
 * What a cache folder holds.
 *
 * @param folder - the cache folder; it need not exist
 * @throws HeadstartError `STORAGE` if it may not be read
 */
export async function cacheContents(folder: string): Promise<CacheContents[]> {
  try {
    const files = await listCache(folder);
    return await Promise.all(
      KINDS.map(async (kind) => {
        const own = files.filter((file) => file.kind === kind && !file.path.endsWith(TEMPORARY_SUFFIX));
        const rows = await mapBounded(own, 8, ({ path }) => photosIn(kind, path));
        const bytes = own.reduce((sum, file) => sum + file.bytes, 0);
        return { kind, files: own.length, photos: rows.reduce((sum, number) => sum + number, 0), bytes };
      }),
    );
  } catch (error) {
    throw storageError(error, folder);
  }
}

async function photosIn(kind: CacheKind, path: string): Promise<number> {
  if (kind === "features") return (await readSegment(path).catch(() => undefined))?.digests.length ?? 0;
  return kind === "decoded" ? 1 : 0;
}

/**
 * Removes all features, decoded photos and int8 backbones from a cache folder. Other things in the folder stay.
 *
 * @throws HeadstartError `STORAGE` if it may not be written to
 */
export async function clearCache(folder: string): Promise<void> {
  try {
    for (const kind of KINDS) await rm(join(folder, kind), { recursive: true, force: true });
  } catch (error) {
    throw storageError(error, folder);
  }
}

const ABANDONED_AFTER = 3_600_000;

/**
 * Removes the least recently used files until the cache holds at most 90 % of its limit, if it holds more than the limit. Temporary
 * files that a killed process left an hour ago go in any case.
 *
 * @param folder - the cache folder
 * @param limit - in bytes
 * @param keepSince - files used at or after this time stay, in milliseconds since 1970
 * @returns the number of bytes that the cache holds afterwards
 */
export async function enforceLimit(folder: string, limit: number, keepSince: number): Promise<number> {
  const files = await listCache(folder);
  const abandoned = files.filter(
    ({ path, used }) => path.endsWith(TEMPORARY_SUFFIX) && used < Date.now() - ABANDONED_AFTER,
  );
  for (const { path } of abandoned) await rm(path, { force: true });
  const held = files.filter((file) => !abandoned.includes(file)).sort((a, b) => a.used - b.used);
  let bytes = held.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= limit) return bytes;
  for (const file of held) {
    if (bytes <= limit * 0.9) break;
    if (file.used >= keepSince || file.path.endsWith(TEMPORARY_SUFFIX)) continue;
    await rm(file.path, { force: true });
    bytes -= file.bytes;
  }
  return bytes;
}

/** Keeps a cache folder within its limit while one process writes to it. Files that the process wrote or used since are not removed. */
export class CacheBudget {
  readonly #folder: string;
  readonly #limit: number;
  readonly #since = Date.now() - 1000;
  #unchecked = Number.POSITIVE_INFINITY;
  #checking: Promise<boolean> = Promise.resolve(true);

  /**
   * @param folder - the cache folder
   * @param limit - in bytes
   */
  constructor(folder: string, limit: number) {
    this.#folder = folder;
    this.#limit = limit;
  }

  /** Whether a file with this time of last use has been counted as used by this process. */
  isFresh(used: number): boolean {
    return used >= this.#since;
  }

  /**
   * Counts bytes that were written, and makes room from time to time: at first, and after each twentieth of the limit.
   *
   * @returns whether the cache is within its limit, as far as is known
   */
  async wrote(bytes: number): Promise<boolean> {
    this.#unchecked += bytes;
    if (this.#unchecked > this.#limit / 20) {
      this.#unchecked = 0;
      this.#checking = this.#checking.then(
        async () => (await enforceLimit(this.#folder, this.#limit, this.#since)) <= this.#limit,
      );
    }
    return this.#checking;
  }

  /** Brings the cache within its limit, whatever was used when. */
  async settle(): Promise<void> {
    await enforceLimit(this.#folder, this.#limit, Number.POSITIVE_INFINITY);
  }
}
