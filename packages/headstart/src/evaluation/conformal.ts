import { HeadstartError } from "../errors.js";
import { type Answers, checkAnswers } from "./answers.js";
import { topClasses } from "./ranking.js";

/**
 * How strange a class is for a photo:
 *
 * - `lac`: 1 − its probability. The sets are the smallest on average that there can be (M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous
 *   set-valued classifiers with bounded error levels", JASA 114 (2019), 223-234)
 * - `aps`: what the more probable classes have together (Y. Romano, M. Sesia and E. Candès, "Classification with valid and adaptive coverage",
 *   NeurIPS 2020, without drawing lots). The sets are larger, and more even between easy and hard photos
 */
export type ConformalMethod = "lac" | "aps";

/** What turns probabilities into sets of classes. */
export interface Conformal {
  readonly method: ConformalMethod;
  /** How often the set holds the true class, at least, for photos like those that it was fitted on. */
  readonly coverage: number;
  /** A class is in the set if its score is at most this; 1 puts in every class. */
  readonly threshold: number;
  /** Number of photos that it was fitted on. */
  readonly photos: number;
}

/**
 * Fits split conformal prediction: a threshold for which the sets of {@link predictionSet} hold the true class as often as asked, whatever
 * the classifier and however wrong its probabilities. The threshold is the ⌈(n + 1) · coverage⌉-th smallest of the true classes' scores.
 * Source: A. N. Angelopoulos and S. Bates, "A gentle introduction to conformal prediction and distribution-free uncertainty
 * quantification", Foundations and Trends in Machine Learning 16 (2023).
 *
 * The promise is a mean over photos, and over what was drawn to fit on. It holds for photos that the classifier was not trained on; with
 * cross-validated probabilities of training photos it is met in practice (R. F. Barber et al., "Predictive inference with the jackknife+",
 * Annals of Statistics 49 (2021), 486-507).
 *
 * @param answers - the probabilities and the true classes
 * @param options - `coverage`: default 0.9; `method`: default `lac`, whose sets are smaller and easier to explain
 * @returns the threshold; 1, and thus sets of all classes, where there are too few photos for the coverage
 * @throws HeadstartError `INVALID_OPTION` if the coverage is not between 0 and 1; as {@link checkAnswers}
 *
 * @example
 * const answers = { probabilities: [0.75, 0.25, 0.5, 0.5], labels: [0, 0], classes: 2 };
 * fitConformal(answers, { coverage: 0.6 }); // => { method: "lac", coverage: 0.6, threshold: 0.5, photos: 2 }
 */
export function fitConformal(
  answers: Answers,
  { coverage = 0.9, method = "lac" }: { readonly coverage?: number; readonly method?: ConformalMethod } = {},
): Conformal {
  checkAnswers(answers);
  if (!(coverage > 0 && coverage < 1))
    throw new HeadstartError("INVALID_OPTION", `The coverage must be between 0 and 1, not ${coverage}.`);
  const { probabilities, labels, classes } = answers;
  const photos = labels.length;
  const all = Float64Array.from(probabilities);
  const scores = Float64Array.from({ length: photos }, (_, photo) => {
    const own = all.subarray(photo * classes, (photo + 1) * classes);
    return strangeness(own, method)(labels[photo] ?? 0);
  }).sort();
  // A hair less, so that 0.9 * 10 is the ninth although it comes out a little above 9.
  const place = Math.ceil((photos + 1) * coverage - 1e-9);
  return { method, coverage, threshold: Math.min(1, scores[place - 1] ?? 1), photos };
}

/**
 * The classes that a photo may be of, with the coverage that was fitted. The most probable class is always among them, also where
 * {@link fitConformal}'s promise would be kept without any; this makes the coverage larger, never smaller.
 *
 * @param probabilities - one photo's probabilities
 * @param conformal - from {@link fitConformal}
 * @returns indices of classes, the most probable first, at least one
 *
 * @example
 * const conformal = { method: "lac", coverage: 0.9, threshold: 0.75, photos: 100 } as const;
 * predictionSet([0.125, 0.5, 0.375], conformal); // => [1, 2]
 */
export function predictionSet(probabilities: ArrayLike<number>, { method, threshold }: Conformal): number[] {
  const score = strangeness(probabilities, method);
  const set: number[] = [];
  for (let c = 0; c < probabilities.length; c++) if (threshold >= 1 || score(c) <= threshold) set.push(c);
  if (set.length === 0) return topClasses(probabilities, 1);
  return set.sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b);
}

/** What gives the score of each class of one photo, from 0 to 1. */
function strangeness(probabilities: ArrayLike<number>, method: ConformalMethod): (c: number) => number {
  if (method === "lac") return (c) => 1 - (probabilities[c] ?? 0);
  const scores = new Float64Array(probabilities.length);
  let before = 0;
  for (const c of topClasses(probabilities, probabilities.length)) {
    scores[c] = before;
    before += probabilities[c] ?? 0;
  }
  return (c) => scores[c] ?? 1;
}
