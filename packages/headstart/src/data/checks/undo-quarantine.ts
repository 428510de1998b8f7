import { link, lstat, mkdir, readdir, readFile, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { errorCode, ifThere, storageError } from "../../files.js";
import { openRoot, type Root } from "../walk.js";
import {
  checkName,
  headSchema,
  isFile,
  JOURNAL,
  moveSchema,
  PHOTOS,
  placeIn,
  type QuarantineMove,
  quarantineFolder,
} from "./quarantine-folder.js";

/** What {@link undoQuarantine} did. */
export interface Restored {
  /** Names of the photos that are where they were. */
  readonly restored: readonly string[];
  /** Photos that could not be put back, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

/** What a journal is called once everything in it has been put back. */
const UNDONE = "undone.jsonl";

/**
 * Puts back what `fixPhotos` moved out of a folder, all of it, the last first. A place that is taken by another file meanwhile is left as
 * it is, and so is its photo in quarantine. Folders that become empty in quarantine are removed; journals stay, under another name.
 *
 * @param photos - the folder
 * @param folder - where its photos were moved to (default: `quarantine`, beside them)
 * @throws HeadstartError `STORAGE` if the disk refuses, `INVALID_RUN` if a journal is not one
 *
 * @example
 * import { undoQuarantine } from "headstart";
 * const { restored, left } = await undoQuarantine("photos");
 * console.log(`${restored.length} photos are back`);
 * for (const { name, reason } of left) console.log(name, reason);
 */
export async function undoQuarantine(photos: string, folder = quarantineFolder(photos)): Promise<Restored> {
  const restored: string[] = [];
  const left: { name: string; reason: string }[] = [];
  try {
    const root = await openRoot(photos);
    const numbers = ((await ifThere(readdir(folder))) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
    for (const number of numbers.sort((a, b) => b - a)) {
      const session = join(folder, String(number));
      const moves = await readJournal(session, root);
      if (moves === undefined) continue;
      const source = await openRoot(join(session, PHOTOS));
      const before = left.length;
      for (const { name } of [...moves].reverse()) {
        const problem = await putBack(root, source, name);
        if (problem === undefined) restored.push(name);
        else left.push({ name, reason: problem });
      }
      await removeEmpty(source.real);
      if (left.length === before) await rename(join(session, JOURNAL), join(session, UNDONE));
    }
    return { restored, left };
  } catch (error) {
    throw storageError(error, folder);
  }
}

/** The moves of a journal; undefined where there is none, it is undone, or it belongs to another folder of photos. */
async function readJournal(session: string, root: Root): Promise<QuarantineMove[] | undefined> {
  const path = join(session, JOURNAL);
  const text = await ifThere(readFile(path, "utf8"));
  if (text === undefined) return undefined;
  // What follows the last line's end was being written when the process ended: nothing had been moved for it.
  const [first, ...lines] = text.split("\n").slice(0, -1);
  if (first === undefined) return [];
  try {
    if (headSchema.parse(JSON.parse(first)).root !== root.real) return undefined;
    return lines.map((line) => moveSchema.parse(JSON.parse(line)));
  } catch (error) {
    throw new HeadstartError(
      "INVALID_RUN",
      `${path} is not a journal that can be undone.`,
      `The photos are in ${join(session, PHOTOS)}, under the names that they had.`,
      { cause: error },
    );
  }
}

/** Puts one photo back; returns why that is not possible. */
async function putBack(root: Root, source: Root, name: string): Promise<string | undefined> {
  checkName(name);
  const from = await placeIn(source, name);
  if (from === undefined || !(await isFile(from))) {
    const place = await placeIn(root, name);
    return place !== undefined && (await isFile(place)) ? undefined : "it is not in quarantine any more";
  }
  // The folder may have been removed meanwhile; it is made again only where that leads nowhere else.
  await makeInside(root, dirname(name));
  const to = await placeIn(root, name);
  if (to === undefined) return "its folder is not there any more";
  try {
    await link(from, to);
    await unlink(from);
    return undefined;
  } catch (error) {
    if (errorCode(error) === "EEXIST") {
      const [one, other] = [await lstat(from), await lstat(to)];
      if (one.ino !== other.ino || one.dev !== other.dev) return "another file has taken its place";
      await unlink(from);
      return undefined;
    }
    // Some disks know no second name of a file.
    if (await exists(to)) return "another file has taken its place";
    await rename(from, to);
    return undefined;
  }
}

/** Makes a folder, and those above it, one after the other. */
async function makeInside(root: Root, name: string): Promise<void> {
  let path = "";
  for (const part of name === "." ? [] : name.split("/")) {
    path = path === "" ? part : `${path}/${part}`;
    const place = await placeIn(root, path);
    if (place === undefined) return;
    await mkdir(place).catch((error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}

/** Removes folders that hold nothing, from the innermost outwards; the folder itself stays. */
async function removeEmpty(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    await removeEmpty(path);
    await rmdir(path).catch((error: unknown) => {
      const code = errorCode(error);
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    });
  }
}
