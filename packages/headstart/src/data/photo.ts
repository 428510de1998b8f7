/** What a photo is used for: to train on, to choose by, or to measure with at the end. */
export type Split = "train" | "validation" | "test";

/** All splits, in the order in which they are named. */
export const SPLITS: readonly Split[] = ["train", "validation", "test"];

/** One photo of a data set. */
export interface Photo {
  /** Where the file is, absolute. */
  readonly path: string;
  /** Its path relative to the data set's root, with `/` between folders on every system. */
  readonly name: string;
  readonly className: string;
  readonly split: Split;
  /** SHA-256 of the file's content, in hexadecimal. */
  readonly digest: string;
  /** The file's length. */
  readonly bytes: number;
}

/** A photo with a label, which need not belong to a split. */
export type LabelledPhoto = Omit<Photo, "split"> & { readonly split: Split | undefined };

/** A file that is not used, and why; `reason` completes "NAME: ...". */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Labelled photos to train on. */
export interface Dataset {
  /** The folder that names are relative to, absolute. */
  readonly root: string;
  /** Class names, sorted by code point as Python's `sorted` does. A class's index here is its label. */
  readonly classes: readonly string[];
  /** Sorted by class, then by name. */
  readonly photos: readonly Photo[];
  readonly skipped: readonly Skipped[];
  /** Sentences about what is odd but can be trained on. */
  readonly warnings: readonly string[];
  /** SHA-256 over every photo's name, class, split and content: equal where the data are equal. */
  readonly fingerprint: string;
}

/** Labelled photos to measure with: as {@link Dataset}, but splits may be unknown. */
export interface LabelledPhotos {
  readonly root: string;
  readonly classes: readonly string[];
  readonly photos: readonly LabelledPhoto[];
  readonly skipped: readonly Skipped[];
  readonly warnings: readonly string[];
}

/** The longest file that is read as a photo, in bytes. */
export const MAX_PHOTO_BYTES = 256 * 1024 * 1024;
