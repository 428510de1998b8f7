import type { Split } from "../data/index.js";
import type { EpochRow } from "../training/index.js";

/** What takes long enough to be watched. */
export type Phase =
  | "reading photos"
  | "decoding"
  | "features"
  | "choosing the L2 penalty"
  | "training"
  | "measuring";

/** What `train` reports while it works. */
export type Progress =
  | {
      /** What was found in the folder of photos, before anything is computed. */
      readonly kind: "found";
      readonly classes: readonly string[];
      readonly photos: Readonly<Record<Split, number>>;
      readonly skipped: number;
      readonly warnings: readonly string[];
      /** The run's folder. */
      readonly folder: string;
    }
  | {
      /** Work of one kind has got on. */
      readonly kind: "progress";
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
      /** Such as `epoch 3 of 20`; empty where the phase says it all. */
      readonly detail: string;
    }
  | {
      /** An epoch is over (for L-BFGS, an iteration). */
      readonly kind: "epoch";
      readonly row: EpochRow;
    }
  | {
      /** Something worth saying in a sentence. */
      readonly kind: "note";
      readonly message: string;
    };

/** Called with what `train` reports. */
export type OnProgress = (progress: Progress) => void;
