import type { LabelledPhoto, Split } from "../photo.js";

/** How much a finding matters: an `error` makes figures or labels wrong, a `warning` probably does, a `note` is worth knowing. */
export type Severity = "error" | "warning" | "note";

/**
 * All that findings can be about.
 *
 * @example
 * import { checkPhotos, FINDING_KINDS } from "headstart";
 * const { findings } = await checkPhotos("photos");
 * for (const kind of FINDING_KINDS)
 *   console.log(kind, findings.filter((finding) => finding.kind === kind).length);
 */
export const FINDING_KINDS = [
  "broken",
  "empty",
  "not-a-photo",
  "unused",
  "truncated",
  "blank",
  "tiny",
  "huge",
  "narrow",
  "rotated",
  "extension",
  "exact-copies",
  "exact-copies-across-classes",
  "exact-copies-across-splits",
  "near-copies",
  "near-copies-across-classes",
  "near-copies-across-splits",
  "class-missing",
  "class-names",
  "few-photos",
  "imbalance",
  "label",
  "outlier",
  "shortcut",
] as const;

/** What a finding is about. */
export type FindingKind = (typeof FINDING_KINDS)[number];

/** Where a photo stands: in a split, or in the other photos that are checked against. */
export type Side = Split | "against";

/** A photo that is checked. */
export interface CheckedPhoto extends Omit<LabelledPhoto, "split"> {
  readonly side: Side;
}

/** A photo as a finding names it. A file that is no photo has no class or side. */
export interface FindingPhoto {
  /** Its path relative to its folder, with `/` between folders. */
  readonly name: string;
  readonly className?: string;
  readonly side?: Side;
}

/** Something about the photos that a user should know. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** How sure it is that this is so, from 0 to 1. */
  readonly confidence: number;
  /** The photos in question; none where it is about a class as a whole. */
  readonly photos: readonly FindingPhoto[];
  /** What was found. */
  readonly sentence: string;
  /** What to do about it. */
  readonly advice: string;
  /** Figures behind it, by name. */
  readonly details: Readonly<Record<string, number | string>>;
  /** Names of the photos whose removal would settle it. */
  readonly movable: readonly string[];
}

const SEVERITIES: readonly Severity[] = ["error", "warning", "note"];

/** The order in which findings are told: the severest first, then by kind, then the surest. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) ||
    b.confidence - a.confidence
  );
}

/** A photo as findings name it. */
export function named({ name, className, side }: CheckedPhoto): FindingPhoto {
  return { name, className, side };
}
