import type { FindingKind } from "../data/index.js";

/** What each kind of finding is called in tables. */
export const FINDING_TITLES: Readonly<Record<FindingKind, string>> = {
  broken: "cannot be decoded",
  empty: "empty files",
  "not-a-photo": "files that are no photos",
  unused: "files that are not used",
  truncated: "cut off or damaged",
  blank: "of one colour",
  tiny: "tiny",
  huge: "huge",
  narrow: "very wide or very high",
  rotated: "turned by EXIF",
  extension: "wrong extension",
  "exact-copies": "exact copies",
  "exact-copies-across-classes": "exact copies in two classes",
  "exact-copies-across-splits": "exact copies in two splits",
  "near-copies": "near copies",
  "near-copies-across-classes": "near copies in two classes",
  "near-copies-across-splits": "near copies in two splits",
  "class-missing": "classes missing on one side",
  "class-names": "class names nearly the same",
  "few-photos": "classes with few photos",
  imbalance: "classes of uneven size",
  label: "labels that others contradict",
  outlier: "unlike their class",
  shortcut: "shortcuts",
};
