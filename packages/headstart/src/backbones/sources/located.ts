import type { DownloadOptions } from "../download/index.js";
import type { Preprocessing } from "../preprocessing.js";

/** A network's file on this machine, and what is known about it from elsewhere. */
export interface Located {
  /** The choice that leads to the same file again: a name, an absolute path, or an address with its revision. */
  readonly choice: string;
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  /** SHA-256 of the file, where a description vouches for it. */
  readonly sha256?: string | undefined;
  /** The Keras architecture that the file holds the weights of, where the file is no whole model. */
  readonly application?: { readonly name: string; readonly top: boolean };
  /** How photos have to be prepared; undefined where that is not written. */
  readonly preprocessing?: Preprocessing | undefined;
  /** Where the preprocessing is written, or what was looked for, as half a sentence. */
  readonly preparation: string;
  readonly imageSize?: number | undefined;
  readonly minimumImageSize?: number | undefined;
  readonly licence?: string | undefined;
  readonly source?: string | undefined;
  /** ImageNet top-1 accuracy in percent, as published. */
  readonly top1?: number | undefined;
  /** Class names of the whole network, in the order of its outputs. */
  readonly classes?: readonly string[] | undefined;
}

/** Finds the file of one kind of choice. */
export type Locate = (choice: string, options: DownloadOptions) => Promise<Located>;
