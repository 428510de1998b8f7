import { randomBytes } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { HeadstartError } from "./errors.js";

/** How the name of a temporary file of {@link writeAtomically} ends. */
export const TEMPORARY_SUFFIX = ".tmp";

/**
 * Writes a file so that it is whole or not there: into a temporary file in the same folder, flushed to the disk, then renamed. A file
 * that was there before is replaced at once or stays as it was.
 *
 * @param path - the file; its folder must exist
 * @param content - bytes, or text that is written as UTF-8
 * @param options - `durable`: whether to wait until the disk holds it (default true); without, a power cut may leave a file of the right
 *   name with wrong content, which suits a cache that checks what it reads
 * @throws HeadstartError `STORAGE` if the disk is full, read-only or not permitted; `NOT_FOUND` if the folder does not exist
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string,
  options: { readonly durable?: boolean } = {},
): Promise<void> {
  const durable = options.durable ?? true;
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString("hex")}${TEMPORARY_SUFFIX}`;
  try {
    await withHandle(temporary, "wx", async (handle) => {
      await handle.writeFile(content);
      if (durable) await handle.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storageError(error, path);
  }
  if (durable) await syncFolder(dirname(path));
}

/**
 * Reads a file that need not be there.
 *
 * @returns its content; undefined where there is no such file
 * @throws HeadstartError `STORAGE` if it may not be read
 */
export async function readIfThere(path: string): Promise<Buffer<ArrayBuffer> | undefined> {
  return await readFile(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storageError(error, path);
  });
}

/**
 * What a task of the file system gives, for a file or folder that may go at any moment because another process may remove it.
 *
 * @returns undefined where it is not there
 */
export async function ifThere<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Opens a file, hands it to `use`, and closes it whatever happens. */
export async function withHandle<T>(
  path: string,
  flags: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await open(path, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Makes a rename durable where the system can do that for a folder (Windows cannot). */
async function syncFolder(folder: string): Promise<void> {
  await withHandle(folder, "r", (handle) => handle.sync()).catch(() => undefined);
}

const STORAGE_SENTENCES: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ["The disk is full", "Free some space, or choose a folder on another disk."],
  EDQUOT: ["Your disk quota is used up", "Free some space, or choose a folder on another disk."],
  EROFS: ["The disk is read-only", "Choose a folder that can be written to."],
  EACCES: ["Permission is missing", "Change the permissions of the file or folder, or choose another one."],
  EPERM: ["Permission is missing", "Change the permissions of the file or folder, or choose another one."],
};

/**
 * An error of the file system as a sentence.
 *
 * @param error - what was thrown
 * @param path - the file or folder in question
 * @returns a HeadstartError `STORAGE` for a full or read-only disk, a quota or missing permission; `NOT_FOUND` where nothing is at the
 *   path; anything else as it came
 */
export function storageError(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof HeadstartError) return error;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new HeadstartError("NOT_FOUND", `There is no file or folder ${path}.`, "Check the path.", {
      cause: error,
    });
  const sentence = STORAGE_SENTENCES[code];
  if (!sentence) return error;
  return new HeadstartError("STORAGE", `${sentence[0]}: ${path}.`, sentence[1], { cause: error });
}

/** The system's code of an error, such as `ENOENT`; undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Environment variables by name, as `process.env` is. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder for what can be computed again: features and decoded photos. `HEADSTART_CACHE` names it; otherwise it is `headstart` in
 * the system's folder for caches (`XDG_CACHE_HOME` or `~/.cache`; macOS `~/Library/Caches`; Windows `%LOCALAPPDATA%`).
 *
 * @param env - the environment
 * @param platform - the operating system, named as `process.platform` names it
 */
export function cacheFolder(env: Environment = process.env, platform: string = process.platform): string {
  if (env.HEADSTART_CACHE) return env.HEADSTART_CACHE;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, "headstart");
  const home = homedir();
  if (platform === "darwin") return join(home, "Library", "Caches", "headstart");
  if (platform === "win32")
    return join(env.LOCALAPPDATA || join(home, "AppData", "Local"), "headstart", "Cache");
  return join(home, ".cache", "headstart");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/**
 * How many bytes the cache may hold: `HEADSTART_CACHE_LIMIT`, such as `10GB`, `500 MB` or a number of bytes; 10 GB by default. Units are
 * powers of 1000.
 *
 * @throws HeadstartError `INVALID_OPTION` if it is set to something else
 */
export function cacheLimit(env: Environment = process.env): number {
  const setting = env.HEADSTART_CACHE_LIMIT?.trim();
  if (!setting) return 10e9;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B?)$/i.exec(setting) ?? [];
  const bytes = UNITS[unit && !/b$/i.test(unit) ? `${unit.toUpperCase()}B` : (unit ?? "?").toUpperCase()];
  if (number === undefined || bytes === undefined)
    throw new HeadstartError(
      "INVALID_OPTION",
      `HEADSTART_CACHE_LIMIT is "${setting}", which is not a size.`,
      "Write a number with a unit, such as 10GB or 500MB.",
    );
  return Math.floor(Number(number) * bytes);
}
