import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../../errors.js";
import { ifThere } from "../../files.js";
import { isInside, type Root } from "../walk.js";

/** A photo to move away, and why. */
export interface QuarantineMove {
  /** Its path relative to the photos' folder, with `/` between folders. */
  readonly name: string;
  /** Why, for whoever reads the journal. */
  readonly reason: string;
}

/** A list of what was moved, inside one quarantine. */
export const JOURNAL = "journal.jsonl";

/** The folder inside one quarantine that photos are in. */
export const PHOTOS = "photos";

/** What the first line of a journal says that it is. */
export const FORMAT = "headstart-quarantine-1";

/** The first line of a journal. */
export const headSchema = z.object({ format: z.literal(FORMAT), root: z.string() });
/** The other lines. */
export const moveSchema = z.object({ name: z.string(), reason: z.string() });

/** Where `quarantine` puts photos by default: beside the photos' folder, in `quarantine`, in a folder of the same name. */
export function quarantineFolder(photos: string): string {
  const path = resolve(photos);
  return join(dirname(path), "quarantine", basename(path));
}

/**
 * Refuses names that are not those of a photo in a folder.
 *
 * @throws HeadstartError `INVALID_OPTION`
 */
export function checkName(name: string): void {
  const parts = name.split("/");
  const isOdd = parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0"));
  if (isOdd || (process.platform === "win32" && /[\\:]/.test(name)))
    throw new HeadstartError(
      "INVALID_OPTION",
      `${JSON.stringify(name)} is not the name of a photo in the folder.`,
    );
}

/**
 * Where a name leads, links followed but for its last part; undefined where its folder is not there.
 *
 * @throws HeadstartError `INVALID_OPTION` if that is outside the root
 */
export async function placeIn(root: Root, name: string): Promise<string | undefined> {
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

/** Whether a file, or a link, is there. */
export async function isFile(path: string): Promise<boolean> {
  const info = await ifThere(lstat(path));
  return info !== undefined && (info.isFile() || info.isSymbolicLink());
}
