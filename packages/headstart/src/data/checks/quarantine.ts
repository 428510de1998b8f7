import { mkdir, open, readdir, realpath, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { errorCode, storageError } from "../../files.js";
import { count } from "../names.js";
import { isInside, openRoot } from "../walk.js";
import {
  checkName,
  FORMAT,
  isFile,
  JOURNAL,
  PHOTOS,
  placeIn,
  type QuarantineMove,
  quarantineFolder,
} from "./quarantine-folder.js";

/** Where photos are moved to quarantine, and how it is stopped. */
export interface QuarantineOptions {
  /** A folder on the same disk, not inside the photos' folder. Default: `quarantine`, beside it. */
  readonly folder?: string;
  /** Stops between two photos. */
  readonly signal?: AbortSignal;
}

/** What was moved to quarantine. */
export interface Quarantined {
  /** The folder that the photos are in now, with the journal; undefined where nothing was moved. */
  readonly folder: string | undefined;
  /** Names of the photos that were moved. */
  readonly moved: readonly string[];
}

/**
 * Moves photos out of a folder, and deletes nothing. Each call makes a folder of its own, numbered, which holds the photos under the names that
 * they had and a journal: JSON lines, the first with the photos' folder, then one for each photo, on the disk before the photo is moved. So
 * {@link undoQuarantine} can put everything back wherever it was stopped. Folders that become empty stay.
 *
 * @param photos - the folder
 * @param moves - what to move; what is not there (any more) is passed over
 * @throws HeadstartError `INVALID_OPTION` if a name leads out of the folder, or the quarantine is inside it; `STORAGE` if the disk refuses;
 *   `INTERRUPTED` when the signal asks for it: what has been moved can be put back
 */
export async function quarantine(
  photos: string,
  moves: readonly QuarantineMove[],
  { folder = quarantineFolder(photos), signal }: QuarantineOptions = {},
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
    if ((await stat(folder)).dev !== (await stat(root.real)).dev) throw otherDisk(folder);
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
        if (signal?.aborted)
          throw new HeadstartError(
            "INTERRUPTED",
            `${count(moved.length, "photo")} of ${moves.length} had been moved to ${session}.`,
            "They can be put back with --undo.",
          );
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
    // Two places of one device may still be two mounts.
    throw errorCode(error) === "EXDEV" ? otherDisk(folder, error) : storageError(error, folder);
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

function otherDisk(folder: string, cause?: unknown): HeadstartError {
  return new HeadstartError(
    "STORAGE",
    `${folder} is on another disk than the photos.`,
    "Choose a folder on the same disk: photos are moved, never copied.",
    { cause },
  );
}
