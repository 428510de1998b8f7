import type { DownloadProgress } from "../backbones/index.js";
import type { Split } from "../data/index.js";
import type { EpochRow } from "../training/index.js";

/** What takes long enough to be watched. */
export type Phase =
  | "downloading"
  | "reading photos"
  | "decoding"
  | "calibrating int8"
  | "features"
  | "choosing the L2 penalty"
  | "training"
  | "validating"
  | "trying learning rates"
  | "measuring"
  | "explaining"
  | "looking at photos"
  | "comparing photos"
  | "judging labels"
  | "drawing photos";

/** What `train` reports while it works. */
export type Progress =
  | {
      /** What was found in the folder of photos, before anything is computed. */
      readonly kind: "found";
      /** Class names, in the order of the model's outputs. */
      readonly classes: readonly string[];
      /** How many photos each split has. */
      readonly photos: Readonly<Record<Split, number>>;
      /** How many files are not used. */
      readonly skipped: number;
      /** Sentences about what is odd but can be trained on. */
      readonly warnings: readonly string[];
      /** The run's folder. */
      readonly folder: string;
    }
  | {
      /** Work of one kind has got on. */
      readonly kind: "progress";
      /** What is being done. */
      readonly phase: Phase;
      /** How much of it is done: photos; bytes of what is downloaded; strengths of the L2 penalty. */
      readonly done: number;
      /** How much there is to do. */
      readonly total: number;
      /** Such as `epoch 3 of 20`; empty where the phase says it all. */
      readonly detail: string;
      /** How it stands, such as `loss 0.205`. */
      readonly figure?: string;
    }
  | {
      /** An epoch is over (for L-BFGS, an iteration). */
      readonly kind: "epoch";
      /** What it came to. */
      readonly row: EpochRow;
    }
  | {
      /** Something worth saying in a sentence. */
      readonly kind: "note";
      /** The sentence. */
      readonly message: string;
    };

/** Called with what `train` reports. */
export type OnProgress = (progress: Progress) => void;

/** Passes on how a download gets on. */
export function downloading(onProgress: OnProgress | undefined): (progress: DownloadProgress) => void {
  return ({ file, done, total = 0 }) => {
    const detail = file.slice(file.lastIndexOf("/") + 1);
    onProgress?.({ kind: "progress", phase: "downloading", done, total, detail });
  };
}

/** Passes on how one phase of the work gets on. */
export function teller(
  onProgress: OnProgress | undefined,
  phase: Phase,
  detail = "",
): (done: number, total: number) => void {
  return (done, total) => onProgress?.({ kind: "progress", phase, done, total, detail });
}
