import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rmdir,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../../errors.js";
import { errorCode, ifThere, storageError } from "../../files.js";
import { isInside, openRoot, type Root } from "../walk.js";

/** A photo to move away, and why. */
export interface QuarantineMove {
  /** Its path relative to the photos' folder, with `/` between folders. */
  readonly name: string;
  /** Why, for whoever reads the journal. */
  readonly reason: string;
}

/** What {@link quarantine} did. */
export interface Quarantined {
  /** The folder that the photos are in now, with the journal; undefined where nothing was moved. */
  readonly folder: string | undefined;
  /** Names of the photos that were moved. */
  readonly moved: readonly string[];
}

/** What {@link undoQuarantine} did. */
export interface Restored {
  /** Names of the photos that are where they were. */
  readonly restored: readonly string[];
  /** Photos that could not be put back, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

const JOURNAL = "journal.jsonl";

/** What a journal is called once everything in it has been put back. */
const UNDONE = "undone.jsonl";

/** The folder inside one quarantine that photos are in. */
const PHOTOS = "photos";

const FORMAT = "headstart-quarantine-1";

const headSchema = z.object({ format: z.literal(FORMAT), root: z.string() });
const moveSchema = z.object({ name: z.string(), reason: z.string() });

/** Where {@link quarantine} puts photos by default: beside the photos' folder, in `quarantine`, in a folder of the same name. */
export function quarantineFolder(photos: string): string {
  const path = resolve(photos);
  return join(dirname(path), "quarantine", basename(path));
}

/**
 * Moves photos out of a folder, and deletes nothing. Each call makes a folder of its own, numbered, which holds the photos under the names that
 * they had and a journal: JSON lines, the first with the photos' folder, then one for each photo, on the disk before the photo is moved. So
 * {@link undoQuarantine} can put everything back wherever it was stopped. Folders that become empty stay.
 *
 * @param photos - the folder
 * @param moves - what to move; what is not there (any more) is passed over
 * @param folder - where to (default: {@link quarantineFolder}); it must be on the same disk and not inside the photos' folder
 * @throws HeadstartError `INVALID_OPTION` if a name leads out of the folder, or `folder` is inside it; `STORAGE` if the disk refuses
 */
export async function quarantine(
  photos: string,
  moves: readonly QuarantineMove[],
  folder = quarantineFolder(photos),
): Promise<Quarantined> {
  if (moves.length === 0) return { folder: undefined, moved: [] };
  try {
    const root = await openRoot(photos);
    await mkdir(folder, { recursive: true });
    if (isInside(root, await realpath(folder)))
      throw new HeadstartError(
        "INVALID_OPTION",
        `The quarantine ${folder} is inside the photos' folder.`,
        "Choose a folder outside, where its photos are not read as a class.",
      );
    for (const { name } of moves) checkName(name);
    const session = await newSession(folder);
    const target = await openRoot(join(session, PHOTOS));
    const moved: string[] = [];
    const journal = await open(join(session, JOURNAL), "ax");
    try {
      const write = async (line: object) => {
        await journal.appendFile(`${JSON.stringify(line)}\n`);
        await journal.sync();
      };
      await write({ format: FORMAT, root: root.real });
      for (const { name, reason } of moves) {
        const from = await placeIn(root, name);
        if (from === undefined || !(await isFile(from))) continue;
        const to = join(target.real, name);
        await mkdir(dirname(to), { recursive: true });
        await write({ name, reason });
        await rename(from, to);
        moved.push(name);
      }
    } finally {
      await journal.close();
    }
    return { folder: session, moved };
  } catch (error) {
    throw otherDisk(error, folder) ?? storageError(error, folder);
  }
}

/**
 * Puts back what {@link quarantine} moved out of a folder, all of it, the last first. A place that is taken by another file meanwhile is left as
 * it is, and so is its photo in quarantine. Folders that become empty in quarantine are removed; journals stay, under another name.
 *
 * @param photos - the folder
 * @param folder - where its photos were moved to (default: {@link quarantineFolder})
 * @throws HeadstartError `STORAGE` if the disk refuses, `INVALID_RUN` if a journal is not one
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

/** A new numbered folder, with a folder for photos in it. */
async function newSession(folder: string): Promise<string> {
  const taken = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  for (let number = Math.max(0, ...taken) + 1; ; number++) {
    const session = join(folder, String(number));
    try {
      await mkdir(session);
      await mkdir(join(session, PHOTOS));
      return session;
    } catch (error) {
      // Another process may have taken the number.
      if (errorCode(error) !== "EEXIST") throw error;
    }
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

/** Refuses names that are not those of a photo in a folder. */
function checkName(name: string): void {
  const parts = name.split("/");
  const isOdd = parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0"));
  if (isOdd || (process.platform === "win32" && /[\\:]/.test(name)))
    throw new HeadstartError(
      "INVALID_OPTION",
      `${JSON.stringify(name)} is not the name of a photo in the folder.`,
    );
}

/** Where a name leads, links followed but for its last part; undefined where its folder is not there. Nothing outside the root. */
async function placeIn(root: Root, name: string): Promise<string | undefined> {
  const folder = await ifThere(realpath(join(root.real, dirname(name))));
  if (folder === undefined) return undefined;
  if (!isInside(root, folder))
    throw new HeadstartError(
      "INVALID_OPTION",
      `${name} leads out of ${root.path}.`,
      "Nothing outside is moved.",
    );
  return join(folder, basename(name));
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

async function isFile(path: string): Promise<boolean> {
  const info = await ifThere(lstat(path));
  return info !== undefined && (info.isFile() || info.isSymbolicLink());
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

function otherDisk(error: unknown, folder: string): HeadstartError | undefined {
  if (errorCode(error) !== "EXDEV") return undefined;
  return new HeadstartError(
    "STORAGE",
    `${folder} is on another disk than the photos.`,
    "Choose a folder on the same disk: photos are moved, never copied.",
    { cause: error },
  );
}
