import { ratio, type Weights, weightOf } from "./answers.js";

/** A point of a ROC curve: what is called positive at `threshold` and above. */
export interface RocPoint {
  /** Of the photos that are not of the class, the share that is called it. */
  readonly falsePositiveRate: number;
  /** Of the photos of the class, the share that is called it. */
  readonly truePositiveRate: number;
  /** The lowest score that is called the class; null at the curve's beginning, where none is. */
  readonly threshold: number | null;
}

/** A point of a precision-recall curve: what is called positive at `threshold` and above. */
export interface PrecisionRecallPoint {
  readonly precision: number;
  readonly recall: number;
  /** The lowest score that is called the class; null at the curve's beginning, where none is. */
  readonly threshold: number | null;
}

/** Photos in the order of a score, the highest first, to measure how well the score tells one class from all others. */
export interface Ranked {
  readonly order: Uint32Array;
  /** For each place in the order: 1 where the photo is of the class. */
  readonly positive: Uint8Array;
  /** For each place in the order: 1 where the next photo has another score, or there is none. */
  readonly last: Uint8Array;
  /** For each place in the order, the score. */
  readonly scores: Float64Array;
}

/**
 * Orders photos by a score, for {@link rocCurve} and its kin.
 *
 * @param scores - how much each photo looks like the class; any finite numbers
 * @param positive - for each photo whether it is of the class: 1 or true, 0 or false
 *
 * @example
 * rocArea(rank([0.9, 0.8, 0.3], [true, false, true])); // => 0.5
 */
export function rank(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): Ranked {
  const order = Uint32Array.from({ length: scores.length }, (_, photo) => photo);
  order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const sorted = Float64Array.from(order, (photo) => scores[photo] ?? 0);
  return {
    order,
    positive: Uint8Array.from(order, (photo) => (positive[photo] ? 1 : 0)),
    last: Uint8Array.from(order, (_, place) => (sorted[place] === sorted[place + 1] ? 0 : 1)),
    scores: sorted,
  };
}

/**
 * The ROC curve: true positives against false positives as the threshold falls. Points on a straight line between their neighbours are
 * left out. Source: T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006), 861-874.
 *
 * @param ranked - from {@link rank}
 * @returns points from (0, 0) to (1, 1); null where there are no photos of the class, or none of others
 *
 * @example
 * const curve = rocCurve(rank([0.9, 0.8, 0.3], [true, false, false]));
 * curve?.map(({ truePositiveRate }) => truePositiveRate); // => [0, 1, 1]
 * curve?.map(({ falsePositiveRate }) => falsePositiveRate); // => [0, 0, 1]
 */
export function rocCurve(ranked: Ranked): RocPoint[] | null {
  const [positives, negatives] = totals(ranked);
  if (positives === 0 || negatives === 0) return null;
  const corners: [falsePositives: number, truePositives: number, threshold: number | null][] = [[0, 0, null]];
  for (const [truePositives, falsePositives, threshold] of steps(ranked)) {
    const [beforeF = 0, beforeT = 0] = corners.at(-2) ?? [];
    const [lastF = 0, lastT = 0] = corners.at(-1) ?? [];
    const straight =
      (falsePositives - lastF) * (lastT - beforeT) === (truePositives - lastT) * (lastF - beforeF);
    if (straight && corners.length > 1) corners.pop();
    corners.push([falsePositives, truePositives, threshold]);
  }
  return corners.map(([falsePositives, truePositives, threshold]) => ({
    falsePositiveRate: falsePositives / negatives,
    truePositiveRate: truePositives / positives,
    threshold,
  }));
}

/**
 * The area under the ROC curve: how probable it is that a photo of the class scores higher than one of another class, equal scores
 * counting half. Source: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982), 29-36.
 *
 * @param ranked - from {@link rank}
 * @param weights - how much each photo counts
 * @returns from 0 to 1, a half for a score that says nothing; null where there are no photos of the class, or none of others
 *
 * @example
 * rocArea(rank([0.9, 0.8, 0.3], [true, true, false])); // => 1
 */
export function rocArea(ranked: Ranked, weights?: Weights): number | null {
  return rankedAreas(ranked, weights).rocArea;
}

/**
 * The precision-recall curve as the threshold falls. Source: J. Davis and M. Goadrich, "The relationship between precision-recall and ROC
 * curves", ICML 2006.
 *
 * @param ranked - from {@link rank}
 * @returns points from recall 0, where precision is 1 by convention, to recall 1; null where there are no photos of the class
 *
 * @example
 * precisionRecallCurve(rank([0.9, 0.8], [true, false]))?.at(1); // => { precision: 1, recall: 1, threshold: 0.9 }
 */
export function precisionRecallCurve(ranked: Ranked): PrecisionRecallPoint[] | null {
  const [positives] = totals(ranked);
  if (positives === 0) return null;
  const points: PrecisionRecallPoint[] = [{ precision: 1, recall: 0, threshold: null }];
  for (const [truePositives, falsePositives, threshold] of steps(ranked))
    points.push({
      precision: truePositives / (truePositives + falsePositives),
      recall: truePositives / positives,
      threshold,
    });
  return points;
}

/**
 * The average precision: the precisions at each threshold, weighted by how much recall it adds, Σ (R_n − R_{n−1}) P_n. Nothing is
 * interpolated. Source: C. D. Manning, P. Raghavan and H. Schütze, Introduction to Information Retrieval (2008), section 8.4.
 *
 * @param ranked - from {@link rank}
 * @param weights - how much each photo counts
 * @returns from 0 to 1; null where there are no photos of the class
 *
 * @example
 * averagePrecision(rank([0.9, 0.8], [false, true])); // => 0.5
 */
export function averagePrecision(ranked: Ranked, weights?: Weights): number | null {
  return rankedAreas(ranked, weights).averagePrecision;
}

/** {@link rocArea} and {@link averagePrecision} in one pass. */
export function rankedAreas(
  { order, positive, last }: Ranked,
  weights?: Weights,
): { readonly rocArea: number | null; readonly averagePrecision: number | null } {
  // One kind of array, so that the loop, which the bootstrap goes through again and again, is compiled for it.
  const counts =
    weights instanceof Float64Array ? weights : Float64Array.from(order, (_, i) => weightOf(weights, i));
  const photos = order.length;
  let [truePositives, falsePositives, trueBefore, falseBefore, area, precisions] = [0, 0, 0, 0, 0, 0];
  for (let place = 0; place < photos; place++) {
    const weight = counts[order[place] as number] as number;
    if (positive[place] === 1) truePositives += weight;
    else falsePositives += weight;
    if (last[place] === 0) continue;
    area += ((falsePositives - falseBefore) * (truePositives + trueBefore)) / 2;
    if (truePositives > trueBefore)
      precisions += ((truePositives - trueBefore) * truePositives) / (truePositives + falsePositives);
    trueBefore = truePositives;
    falseBefore = falsePositives;
  }
  return {
    rocArea: ratio(area, truePositives * falsePositives),
    averagePrecision: ratio(precisions, truePositives),
  };
}

/** Photos of the class and of others. */
function totals({ positive }: Ranked): [positives: number, negatives: number] {
  const positives = positive.reduce((sum, one) => sum + one, 0);
  return [positives, positive.length - positives];
}

/** What is called positive at each different score and above. */
function* steps({
  positive,
  last,
  scores,
}: Ranked): Generator<[truePositives: number, falsePositives: number, threshold: number]> {
  let truePositives = 0;
  for (let place = 0; place < positive.length; place++) {
    truePositives += positive[place] ?? 0;
    if (last[place] === 1) yield [truePositives, place + 1 - truePositives, scores[place] ?? 0];
  }
}
