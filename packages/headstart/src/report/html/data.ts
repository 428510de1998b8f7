import type { Split } from "../../data/index.js";

/** All that a report tells: one plain value, so that a report can be made of anything that fills it in. */
export interface ReportData {
  /** What the run is called. */
  readonly name: string;
  /** Version of Headstart that trained it. */
  readonly version: string;
  /** Name of the folder of photos; a whole path tells more than a reader needs. */
  readonly source: string;
  /** Class names for the eye, in the order of the model's outputs. */
  readonly classes: readonly string[];
  /** What was chosen, in the order to be shown. */
  readonly choices: readonly Fact[];
  /** The pretrained network. */
  readonly backbone: {
    readonly name: string;
    readonly licence: string;
    readonly source: string;
  };
  /** Side of the square that photos are resized to, in pixels. */
  readonly imageSize: number;
  readonly data: DataReport;
  readonly training: TrainingReport;
  /** What was measured; splits without photos are left out. */
  readonly splits: readonly SplitReport[];
  /** What the classifier says about each photo. */
  readonly photos: readonly ReportPhoto[];
  /** Speed and size, in the order to be shown. */
  readonly performance: readonly Fact[];
  /** The run's folder as it is typed in a shell, for the examples. */
  readonly run: string;
}

/** Something with a name, and perhaps a sentence that explains it. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}

/** The photos and what is known of their health. */
export interface DataReport {
  /** Photos of each class in each split, in the order of the classes. */
  readonly counts: readonly Readonly<Record<Split, number>>[];
  /** Files that were not used, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Photos that were cut off or damaged and used as far as they go. */
  readonly truncated: readonly string[];
  /** Sentences about what is odd. */
  readonly warnings: readonly string[];
  /** What a check of the photos found; undefined where there was none. */
  readonly findings?: readonly ReportFinding[];
  /** Fingerprint of the photos. */
  readonly fingerprint: string;
}

/** One thing that a check of the photos found. */
export interface ReportFinding {
  readonly severity: "error" | "warning" | "note";
  /** What was found, in a few words. */
  readonly title: string;
  /** What it means and how sure it is. */
  readonly detail: string;
  /** What to do about it; may be empty. */
  readonly advice: string;
  /** Names of the photos that it is about. */
  readonly photos: readonly string[];
}

/** How training went. */
export interface TrainingReport {
  /** What an entry of `epochs` is called: an epoch, or an iteration of a solver. */
  readonly unit: "epoch" | "iteration";
  readonly epochs: readonly ReportEpoch[];
  /** Learning rate of each step; empty where there are no steps. */
  readonly learningRates: readonly number[];
  /** The epoch whose weights were kept; null where that is the last one or is not known. */
  readonly best: number | null;
}

/** What one epoch left behind. */
export interface ReportEpoch {
  readonly epoch: number;
  readonly stage: number;
  readonly imageSize: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
}

/** How well the classifier does on one split. */
export interface SplitReport {
  readonly split: Split;
  /** Photos measured. */
  readonly photos: number;
  /** The first is the accuracy. Every split has the same ones, in the same order. */
  readonly measures: readonly Measure[];
  /** In the order of the classes. */
  readonly perClass: readonly ClassReport[];
  /** Photos counted by true class (row) and predicted class (column). */
  readonly confusion: readonly (readonly number[])[];
  /** How often answers of about the same probability are right; undefined where that is not known. */
  readonly reliability?: readonly ReliabilityBin[];
}

/** A figure with its interval. */
export interface Measure {
  /** How it is called in Hugging Face's model cards, such as `accuracy`; undefined where it has no name there. */
  readonly id?: string;
  readonly name: string;
  readonly value: number | null;
  /** At 95 %; null where there is none. */
  readonly interval: readonly [number, number] | null;
  /** A share is shown as a percentage. */
  readonly kind: "share" | "number";
  /** What it is, in a sentence. */
  readonly meaning: string;
}

/** How well one class is recognised; null where there is nothing to divide by. Intervals are at 95 %. */
export interface ClassReport {
  readonly photos: number;
  readonly precision: number | null;
  readonly precisionInterval: readonly [number, number] | null;
  readonly recall: number | null;
  readonly recallInterval: readonly [number, number] | null;
  readonly f1: number | null;
}

/** Answers whose probability lies in a range. */
export interface ReliabilityBin {
  readonly photos: number;
  /** Their mean probability. */
  readonly confidence: number;
  /** The share of them that is right. */
  readonly accuracy: number;
  /** The share's interval at 95 %. */
  readonly interval: readonly [number, number];
}

/** One photo and what the classifier says about it. */
export interface ReportPhoto {
  /** Where the file is; a file that is gone is shown as a grey square. */
  readonly path: string;
  /** Its name in the data set. */
  readonly name: string;
  readonly split: Split;
  /** Index of its class. */
  readonly truth: number;
  /** The most probable classes, best first, at least one: index and probability. */
  readonly answers: readonly (readonly [number, number])[];
  /** A picture of where the network looked, in any format that sharp reads; shown in galleries beside the photo. */
  readonly overlay?: Uint8Array;
}
