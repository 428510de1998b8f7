import { realpath } from "node:fs/promises";
import { join } from "node:path";
import {
  type Finding,
  type FindingKind,
  type Quarantined,
  type QuarantineOptions,
  quarantine,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { ifThere } from "../files.js";

/** Kinds of findings that {@link fixPhotos} settles by default: nothing that can be used, or wrongly looks useful, is lost. */
export const FIXED_BY_DEFAULT: readonly FindingKind[] = [
  "broken",
  "empty",
  "exact-copies",
  "exact-copies-across-splits",
];

/** What {@link fixPhotos} moves, and where to. */
export interface FixOptions extends QuarantineOptions {
  /** Which findings to settle. Default: `broken`, `empty`, `exact-copies` and `exact-copies-across-splits`. */
  readonly kinds?: readonly FindingKind[];
}

/**
 * Moves the photos away whose removal settles findings; nothing is deleted, and `undoQuarantine` puts them back. Findings with a photo that is
 * a symbolic link, or is reached through one, are left: what a link leads to may be the photo that was to stay.
 *
 * @param photos - the folder that was checked
 * @param findings - what `checkPhotos` found
 * @throws HeadstartError `INVALID_OPTION` for a manifest; as `quarantine`
 *
 * @example
 * import { checkPhotos, fixPhotos, undoQuarantine } from "headstart";
 * const { findings } = await checkPhotos("photos");
 * const { moved, folder } = await fixPhotos("photos", findings);
 * console.log(`${moved.length} photos are in ${folder}`);
 * await undoQuarantine("photos");
 */
export async function fixPhotos(
  photos: string,
  findings: readonly Finding[],
  { kinds = FIXED_BY_DEFAULT, ...options }: FixOptions = {},
): Promise<Quarantined> {
  checkMovable(photos);
  const moves = new Map<string, string>();
  for (const finding of findings) {
    if (!kinds.includes(finding.kind) || (await holdsLink(photos, finding))) continue;
    for (const name of finding.movable)
      if (!moves.has(name)) moves.set(name, `${finding.kind}: ${finding.sentence}`);
  }
  return await quarantine(
    photos,
    [...moves].map(([name, reason]) => ({ name, reason })),
    options,
  );
}

/**
 * Refuses photos that are not moved.
 *
 * @throws HeadstartError `INVALID_OPTION` for a manifest, whose rows would name what is no longer there
 */
export function checkMovable(photos: string): void {
  if (/\.csv$/i.test(photos))
    throw new HeadstartError(
      "INVALID_OPTION",
      "Photos of a manifest are not moved: its rows would name files that are no longer there.",
      "Take the rows out of the manifest instead.",
    );
}

/** Whether a symbolic link leads to one of a finding's photos. */
async function holdsLink(folder: string, { photos }: Finding): Promise<boolean> {
  const root = await ifThere(realpath(folder));
  for (const { name, side } of photos) {
    if (root === undefined || side === "against") continue;
    const place = join(root, name);
    const real = await ifThere(realpath(place));
    if (real !== undefined && real !== place) return true;
  }
  return false;
}
