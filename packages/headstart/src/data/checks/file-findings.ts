import { extname } from "node:path";
import type { Skipped } from "../photo.js";
import { isEmptyFile, isNoPhoto, type PhotoFormat } from "../sniff.js";
import type { Finding, FindingKind, Severity } from "./finding.js";
import { named } from "./finding.js";
import type { Seen } from "./shortcuts.js";

/** A photo's shorter side below this is tiny, in pixels. */
const TINY = 32;

/** More pixels than this are huge: they take long to decode and are thrown away. */
const HUGE = 50e6;

/** The longer side over the shorter: beyond it, little of the photo is left when it is squashed to a square. */
const NARROW = 4;

/** Standard deviation of the brightness below which a photo is of one colour: about two of 255 steps. */
const BLANK = 0.008;

const EXTENSIONS: Readonly<Record<PhotoFormat, readonly string[]>> = {
  jpeg: [".jpg", ".jpeg", ".jpe", ".jfif"],
  png: [".png"],
  webp: [".webp"],
  gif: [".gif"],
  tiff: [".tif", ".tiff"],
  avif: [".avif"],
};

/**
 * What is wrong with single files that no photo is read from.
 *
 * @param skipped - files that were found not to be photos, and why
 * @param failed - photos that cannot be decoded, and why
 */
export function unreadableFindings(skipped: readonly Skipped[], failed: readonly Skipped[]): Finding[] {
  return [
    ...failed.map(({ name, reason }) =>
      finding(
        "broken",
        "error",
        name,
        `${name} cannot be decoded: ${reason.replace(/^The photo cannot be decoded: |\.$/g, "")}.`,
        {
          advice: "Bring the photo from where it came from again, or take it out: it is not used.",
          isMovable: true,
        },
      ),
    ),
    ...skipped.map(({ name, reason }) => {
      if (isEmptyFile(reason))
        return finding("empty", "error", name, `${name} is an empty file.`, {
          advice: "Bring the photo from where it came from again, or take it out: it is not used.",
          isMovable: true,
        });
      if (isNoPhoto(reason))
        return finding("not-a-photo", "warning", name, `${name} is not used: ${reason}.`, {
          advice: "Save it as JPEG or PNG if it is to be used, or take it out.",
          isMovable: true,
        });
      return finding("unused", "note", name, `${name} is not used: ${reason}.`, {
        advice: "Put it right if it is to be used.",
        isMovable: false,
      });
    }),
  ];
}

/** What is odd about photos that can be read: damaged, of one colour, of an odd size, turned, or called by a wrong extension. */
export function photoFindings(photos: readonly Seen[]): Finding[] {
  return photos.flatMap((photo): Finding[] => {
    const { name, appearance } = photo;
    const { width, height, format, orientation, truncated, contrast } = appearance;
    const size = `${width} x ${height}`;
    const found: Finding[] = [];
    const add = (
      kind: FindingKind,
      severity: Severity,
      sentence: string,
      advice: string,
      details: Finding["details"] = {},
      confidence = 1,
    ) =>
      found.push({
        kind,
        severity,
        confidence,
        photos: [named(photo)],
        sentence: `${name} ${sentence}.`,
        advice,
        details,
        movable: severity === "warning" ? [name] : [],
      });
    if (truncated)
      add(
        "truncated",
        "warning",
        "is cut off or damaged",
        "Bring it again: a part of the picture is missing or wrong.",
      );
    if (contrast < BLANK)
      add(
        "blank",
        "warning",
        "is of one colour",
        "Take it out: there is nothing to see.",
        { contrast },
        contrast < BLANK / 4 ? 1 : 0.8,
      );
    if (Math.min(width, height) < TINY)
      add("tiny", "warning", `has ${size} pixels`, "Bring a larger one: hardly anything can be seen on it.", {
        width,
        height,
      });
    if (width * height > HUGE)
      add(
        "huge",
        "note",
        `has ${size} pixels`,
        "Scale it down: it takes long to decode, and networks look at far fewer pixels.",
        { width, height },
      );
    if (Math.max(width, height) > NARROW * Math.min(width, height))
      add(
        "narrow",
        "note",
        `has ${size} pixels`,
        "Crop it to what it shows: squashed to a square, little of it is left.",
        { width, height },
      );
    if (orientation > 1)
      add(
        "rotated",
        "note",
        "is turned upright by a note of the camera (EXIF)",
        "Nothing needs to be done here; other programs may show it lying.",
        { orientation },
      );
    const extension = extname(name).toLowerCase();
    if (!EXTENSIONS[format].includes(extension))
      add(
        "extension",
        "note",
        extension === ""
          ? `has no extension and is a ${format.toUpperCase()} file`
          : `is a ${format.toUpperCase()} file`,
        `Call it ${EXTENSIONS[format][0]}: Headstart looks at the content, other programs at the name.`,
        { format, extension },
      );
    return found;
  });
}

function finding(
  kind: FindingKind,
  severity: Severity,
  name: string,
  sentence: string,
  { advice, isMovable }: { readonly advice: string; readonly isMovable: boolean },
): Finding {
  return {
    kind,
    severity,
    confidence: 1,
    photos: [{ name }],
    sentence,
    advice,
    details: {},
    movable: isMovable ? [name] : [],
  };
}
