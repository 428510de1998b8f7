import { confidentLearning, doubtOf, type LabelledProbabilities, prune } from "./confident.js";
import { type CheckedPhoto, type Finding, named } from "./finding.js";

/** A photo is named if another class is more probable than its label by more than this. */
const LEAST_MARGIN = 0.65;

/**
 * The strength of the L2 penalty of the two rounds, on features of unit variance. The first is strong, so that wrong labels are not learned by
 * heart; what the second is fitted on is cleaner.
 */
export const ROUNDS_L2 = [1, 0.3] as const;

/** A photo whose label the others contradict. */
export interface DoubtfulLabel {
  readonly row: number;
  /** The class that it is taken for. */
  readonly other: number;
  /** By how much that class is more probable than the label: above 0.65, at most 1. */
  readonly margin: number;
}

/**
 * The rows to leave out of the second round: those that confident learning prunes, by noise rate.
 *
 * @param first - probabilities of each photo from a model that has not seen it but has seen the wrong labels of others
 */
export function suspectLabels(first: LabelledProbabilities): Set<number> {
  return new Set(prune(first, confidentLearning(first), "noise-rate"));
}

/**
 * Labels that the other photos contradict, the surest first: those for which another class is far more probable (the normalised margin), by
 * models that learned neither from the photo nor from those whose labels the first round doubted. Wrong labels pull probabilities towards
 * one another, so that the first round misses a quarter of them; without them, most stand out.
 *
 * @param second - calibrated probabilities from models that were not fitted on {@link suspectLabels}
 */
export function doubtfulLabels(second: LabelledProbabilities): DoubtfulLabel[] {
  return second.labels
    .map((_, row) => ({ row, ...doubtOf(second, row) }))
    .filter(({ margin }) => margin > LEAST_MARGIN)
    .sort((a, b) => b.margin - a.margin || a.row - b.row);
}

/** A finding for each label that is in doubt. */
export function labelFindings(
  photos: readonly CheckedPhoto[],
  classes: readonly string[],
  doubtful: readonly DoubtfulLabel[],
): Finding[] {
  return doubtful.flatMap(({ row, other, margin }): Finding[] => {
    const photo = photos[row];
    if (photo === undefined) return [];
    const suggested = classes[other] ?? "";
    return [
      {
        kind: "label",
        severity: "warning",
        confidence: margin,
        photos: [named(photo)],
        sentence: `${photo.name} is labelled ${photo.className} and looks like ${suggested}.`,
        advice: `Look at it: move it to ${suggested} if that is what it shows, or take it out if it shows both or neither.`,
        details: { suggested },
        movable: [photo.name],
      },
    ];
  });
}
