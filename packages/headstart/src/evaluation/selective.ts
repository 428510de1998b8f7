import { HeadstartError } from "../errors.js";
import { type Answers, decide } from "./answers.js";
import { clopperPearsonLower } from "./binomial.js";

/** What a classifier does that answers only photos of at least some confidence. */
export interface RiskCoveragePoint {
  /** The smallest confidence that is answered. */
  readonly threshold: number;
  /** The share of photos that are answered. */
  readonly coverage: number;
  /** The share of those that are answered wrong. */
  readonly risk: number;
}

/** A confidence from which on answers are trusted. */
export interface Threshold {
  /** A photo counts as confident if its most probable class has at least this probability. */
  readonly threshold: number;
  /** The accuracy that was asked for. */
  readonly asked: number;
  /** The accuracy of the confident photos, where it was fitted. */
  readonly accuracy: number;
  /** What the accuracy of confident photos is at least, with 95 % confidence, by Clopper and Pearson. */
  readonly atLeast: number;
  /** The share of photos that are confident, where it was fitted. */
  readonly coverage: number;
}

/**
 * The risk-coverage curve: how often a classifier is wrong when it answers only its surest photos. Photos of the same confidence are
 * answered together. Source: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010), 1605-1641.
 *
 * @param answers - the probabilities and the true classes
 * @returns a point for each different confidence, from the surest photos to all
 * @throws HeadstartError as {@link checkAnswers}
 *
 * @example
 * const curve = riskCoverage({ probabilities: [0.75, 0.25, 0.5, 0.5], labels: [0, 1], classes: 2 });
 * curve.at(-1); // => { threshold: 0.5, coverage: 1, risk: 0.5 }
 */
export function riskCoverage(answers: Answers): RiskCoveragePoint[] {
  return selections(answers).map(({ threshold, photos, correct }) => ({
    threshold,
    coverage: photos / answers.labels.length,
    risk: (photos - correct) / photos,
  }));
}

/**
 * The area under the risk-coverage curve: the mean, over the photos, of the risk when all photos that are at least as sure are answered. Small
 * is good: it needs few mistakes, and mistakes that are not sure. Source: Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-reduced uncertainty
 * estimation for deep neural classifiers", ICLR 2019.
 *
 * @param curve - from {@link riskCoverage}
 * @returns from 0 to 1; null where there are no photos
 *
 * @example
 * areaUnderRiskCoverage([{ threshold: 0.75, coverage: 0.5, risk: 0 }, { threshold: 0.5, coverage: 1, risk: 0.5 }]); // => 0.25
 */
export function areaUnderRiskCoverage(curve: readonly RiskCoveragePoint[]): number | null {
  if (curve.length === 0) return null;
  return curve.reduce(
    (sum, { coverage, risk }, i) => sum + risk * (coverage - (curve[i - 1]?.coverage ?? 0)),
    0,
  );
}

/**
 * The smallest confidence at which the photos that are at least so sure are answered with the accuracy that is asked for, so that as many
 * photos as possible are answered.
 *
 * By default the accuracy is that of the photos it is fitted on. Of later photos about half of all such thresholds fall short of what was
 * asked; `atLeast` says by how much at most. With `by: "lower-bound"` it is `atLeast` that must reach what was asked, so that fewer photos
 * are confident; of simulated classifiers 0 to 7 % then fell short (more than none, for the threshold is chosen among many). To be able to promise
 * 99 % takes 299 confident photos without a mistake, 95 % takes 59.
 *
 * @param answers - the probabilities and the true classes, of photos that the classifier was not trained on
 * @param accuracy - what is asked for, above 0, at most 1; no lower bound reaches 1
 * @param options - `by`: what must reach it, `accuracy` or `lower-bound`; default `accuracy`
 * @returns null where no confidence reaches it
 * @throws HeadstartError `INVALID_OPTION` if no accuracy is asked for that there can be; as {@link checkAnswers}
 *
 * @example
 * const answers = { probabilities: [0.75, 0.25, 0.5, 0.5], labels: [0, 1], classes: 2 };
 * fitThreshold(answers, 0.9)?.threshold; // => 0.75
 */
export function fitThreshold(
  answers: Answers,
  accuracy: number,
  { by = "accuracy" }: { readonly by?: "accuracy" | "lower-bound" } = {},
): Threshold | null {
  if (!(accuracy > 0 && accuracy <= 1))
    throw new HeadstartError(
      "INVALID_OPTION",
      `An accuracy of ${accuracy} cannot be asked for.`,
      "Ask for a number above 0, at most 1, such as 0.99.",
    );
  const found = selections(answers).findLast(
    ({ photos, correct }) =>
      correct >= accuracy * photos && (by === "accuracy" || clopperPearsonLower(correct, photos) >= accuracy),
  );
  if (found === undefined) return null;
  const { threshold, photos, correct } = found;
  return {
    threshold,
    asked: accuracy,
    accuracy: correct / photos,
    atLeast: clopperPearsonLower(correct, photos),
    coverage: photos / answers.labels.length,
  };
}

/** The photos that are at least so sure. */
interface Selection {
  readonly threshold: number;
  readonly photos: number;
  readonly correct: number;
}

/** A selection for each different confidence, the surest first. */
function selections(answers: Answers): Selection[] {
  const { confidence, correct } = decide(answers);
  const order = Array.from(confidence, (_, photo) => photo);
  order.sort((a, b) => (confidence[b] ?? 0) - (confidence[a] ?? 0));
  const found: Selection[] = [];
  let right = 0;
  order.forEach((photo, place) => {
    right += correct[photo] ?? 0;
    const next = order[place + 1];
    const own = confidence[photo] ?? 0;
    if (next === undefined || confidence[next] !== own)
      found.push({ threshold: own, photos: place + 1, correct: right });
  });
  return found;
}
