import type { Split } from "../../data/index.js";
import type { CertaintyMetrics, DetailedMetrics } from "../../evaluation/index.js";
import type { Provenance } from "../../model/index.js";

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
  /** How the model's scores become probabilities; undefined where it was not calibrated. */
  readonly calibration?: Provenance["calibration"];
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
  /** What a check of the photos found, the gravest first; undefined where there was none. */
  readonly findings?: readonly ReportFinding[];
  /** Of each split to measure by that shows photos of the training split again, what that does to its accuracy. */
  readonly leaks?: readonly ReportLeak[];
  /** Fingerprint of the photos. */
  readonly fingerprint: string;
}

/** What a check of the photos found of one kind. */
export interface ReportFinding {
  readonly severity: "error" | "warning" | "note";
  /** The kind, in a few words. */
  readonly title: string;
  /** Each time that it was found. */
  readonly items: readonly {
    readonly sentence: string;
    /** How sure it is that this is so, from 0 to 1. */
    readonly confidence: number;
    /** Names of the photos in question. */
    readonly photos: readonly string[];
    /** What to do about it. */
    readonly advice: string;
  }[];
}

/** Photos of a split that show what training photos show, and what they do to its accuracy. */
export interface ReportLeak {
  readonly split: Split;
  /** Photos of the split that show what training photos show. */
  readonly leaked: number;
  /** The share of all photos of the split that is answered right. */
  readonly accuracy: number;
  /** The share of the others that is answered right; null where there are no others. */
  readonly without: number | null;
}

/** How training went. */
export interface TrainingReport {
  /** What an entry of `epochs` is called: an epoch, or an iteration of a solver. */
  readonly unit: "epoch" | "iteration";
  readonly epochs: readonly ReportEpoch[];
  /** Learning rate of each step; empty where there are no steps. */
  readonly learningRates: readonly number[];
  /** The epoch whose weights were kept, 0 for those before the first; null where that is the last one or is not known. */
  readonly kept: number | null;
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
export interface SplitReport
  extends Pick<
    DetailedMetrics,
    "photos" | "confusion" | "perClass" | "reliability" | "calibrated" | "calibrationError"
  > {
  readonly split: Split;
  /** The first is the accuracy. Every split has the same ones, in the same order. */
  readonly measures: readonly Measure[];
  /** Whether promises are kept; null where the model makes none. */
  readonly certainty: CertaintyMetrics | null;
  /** Undefined where they are not known. */
  readonly curves?: AnswerCurves;
}

/** The curves of a split, as they are drawn: straight lines between points. */
export interface AnswerCurves {
  /** In the order of the classes, each against all others. */
  readonly perClass: readonly ClassCurves[];
  /** From the surest answers to all: the share of photos that are answered, and the share of those that are answered wrong. */
  readonly riskCoverage: readonly CurvePoint[];
}

/** The curves of a class; null where the split has no photos of it, or none of others. */
export interface ClassCurves {
  /** The share of the other photos that is taken for the class, and the share of its own. */
  readonly roc: readonly CurvePoint[] | null;
  /** The share of the class that is found, and of what is taken for it the share that is of it. */
  readonly precisionRecall: readonly CurvePoint[] | null;
}

/** A point of a curve: two shares, from 0 to 1. */
export type CurvePoint = readonly [x: number, y: number];

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
