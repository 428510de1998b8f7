import { HeadstartError } from "../errors.js";

/** The temperatures that {@link fitTemperature} chooses from. */
const LOWEST_TEMPERATURE = 0.05;
const HIGHEST_TEMPERATURE = 20;

/** How near, in parts of itself, the inverse temperature comes to the best one. */
const TOLERANCE = 1e-12;

/** Logits with the true classes. */
export interface LabelledLogits {
  /** Logits `[photos, classes]`, row after row, or logarithms of probabilities, which give the same. */
  readonly logits: ArrayLike<number>;
  /** For each photo the index of its true class. */
  readonly labels: ArrayLike<number>;
  /** Number of classes. */
  readonly classes: number;
}

/**
 * Fits temperature scaling: the one number T for which softmax(logits / T) has the smallest cross-entropy. Above 1 the classifier was too
 * sure, below 1 not sure enough; which class is the most probable stays the same. Source: C. Guo et al., "On calibration of modern neural
 * networks", ICML 2017.
 *
 * The logits must be of photos that the classifier was not trained on: cross-validated ones of the training photos, or a validation split
 * that nothing else is measured on. The cross-entropy is convex in 1 / T, so a Newton iteration kept between bounds finds the best T.
 *
 * Where every photo is answered right there is no best T, for sharper is always better. T is then the one at which the mean
 * confidence is (n + 1) / (n + 2), what Laplace's rule of succession says of n right answers out of n.
 *
 * @param answers - the logits and the true classes, at least one photo
 * @returns T, from 0.05 to 20; 1 where all logits of every photo are equal
 * @throws HeadstartError `INVALID_DATA` when there is no photo, the sizes do not fit, a label is no class or a logit is not a finite number
 *
 * @example
 * // Twice sure of the first class, and right once in two: nothing is known, and T is as high as it may be.
 * fitTemperature({ logits: [3, 0, 3, 0], labels: [0, 1], classes: 2 }); // => 20
 */
export function fitTemperature(answers: LabelledLogits): number {
  check(answers);
  const { labels, classes } = answers;
  const photos = labels.length;
  const logits = shifted(answers.logits, classes);
  if (logits.every((logit) => logit === 0)) return 1;
  const isSeparable = Array.from({ length: photos }, (_, photo) => photo).every((photo) => {
    const row = logits.subarray(photo * classes, (photo + 1) * classes);
    return row.filter((logit) => logit === 0).length === 1 && row[labels[photo] ?? 0] === 0;
  });
  const wanted = (photos + 1) / (photos + 2);
  const inverse = increasingRoot(
    isSeparable
      ? (beta) => confidenceAt(logits, classes, beta, wanted)
      : (beta) => gradientAt(logits, labels, classes, beta),
    1 / HIGHEST_TEMPERATURE,
    1 / LOWEST_TEMPERATURE,
  );
  return 1 / inverse;
}

/**
 * Probabilities of logits at a temperature: softmax(logits / T).
 *
 * @param logits - `[photos, classes]`, row after row, or logarithms of probabilities
 * @param classes - number of classes
 * @param temperature - T, above 0
 * @returns `[photos, classes]`
 * @throws HeadstartError `INVALID_OPTION` if the temperature is not above 0
 *
 * @example
 * [...applyTemperature([0, 0], 2, 1.5)]; // => [0.5, 0.5]
 */
export function applyTemperature(
  logits: ArrayLike<number>,
  classes: number,
  temperature: number,
): Float64Array {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new HeadstartError("INVALID_OPTION", `The temperature must be above 0, not ${temperature}.`);
  const probabilities = shifted(logits, classes).map((logit) => Math.exp(logit / temperature));
  for (let start = 0; start < probabilities.length; start += classes) {
    const row = probabilities.subarray(start, start + classes);
    const sum = row.reduce((total, one) => total + one, 0);
    for (let c = 0; c < classes; c++) row[c] = (row[c] ?? 0) / sum;
  }
  return probabilities;
}

/** Logits with 0 for the largest of each photo, which changes no probability and lets no power overflow. */
function shifted(logits: ArrayLike<number>, classes: number): Float64Array {
  const all = Float64Array.from(logits);
  for (let start = 0; start < all.length; start += classes) {
    const row = all.subarray(start, start + classes);
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    for (let c = 0; c < classes; c++) row[c] = (row[c] ?? 0) - most;
  }
  return all;
}

/** Value and slope of a function. */
type Local = readonly [value: number, slope: number];

/**
 * The cross-entropy's derivative by β = 1 / T, and its derivative: the mean of E[z] − z of the true class, and of the variance of z, where
 * the classes have the probabilities softmax(βz).
 */
function gradientAt(logits: Float64Array, labels: ArrayLike<number>, classes: number, beta: number): Local {
  let [value, slope] = [0, 0];
  for (let photo = 0; photo < labels.length; photo++) {
    const { mean, variance } = moments(logits, photo * classes, classes, beta);
    value += mean - (logits[photo * classes + (labels[photo] ?? 0)] ?? 0);
    slope += variance;
  }
  return [value / labels.length, slope / labels.length];
}

/** The mean confidence at β minus what is wanted, and its derivative. With the largest logit at 0 the confidence is 1 / Σ exp(βz). */
function confidenceAt(logits: Float64Array, classes: number, beta: number, wanted: number): Local {
  let [value, slope] = [0, 0];
  for (let start = 0; start < logits.length; start += classes) {
    const { sum, mean } = moments(logits, start, classes, beta);
    value += 1 / sum;
    slope -= mean / sum;
  }
  const photos = logits.length / classes;
  return [value / photos - wanted, slope / photos];
}

/** Σ exp(βz) of one photo, and the mean and variance of z under softmax(βz). */
function moments(logits: Float64Array, start: number, classes: number, beta: number) {
  let [sum, first, second] = [0, 0, 0];
  for (let c = 0; c < classes; c++) {
    const logit = logits[start + c] ?? 0;
    const power = Math.exp(beta * logit);
    sum += power;
    first += power * logit;
    second += power * logit * logit;
  }
  const mean = first / sum;
  return { sum, mean, variance: Math.max(0, second / sum - mean * mean) };
}

/** Where an increasing function is 0, between two bounds above 0; the bound itself where it is 0 outside. */
function increasingRoot(at: (x: number) => Local, lowest: number, highest: number): number {
  if (at(lowest)[0] >= 0) return lowest;
  if (at(highest)[0] <= 0) return highest;
  let [low, high, x] = [lowest, highest, 1];
  while (high - low > TOLERANCE * low) {
    const [value, slope] = at(x);
    if (value === 0) return x;
    if (value > 0) high = x;
    else low = x;
    const newton = x - value / slope;
    const next = newton > low && newton < high ? newton : Math.sqrt(low * high);
    if (Math.abs(next - x) <= TOLERANCE * x) return next;
    x = next;
  }
  return x;
}

function check({ logits, labels, classes }: LabelledLogits): void {
  const photos = labels.length;
  const isClass = (label: number) => Number.isInteger(label) && label >= 0 && label < classes;
  if (photos > 0 && logits.length === photos * classes && Array.from(labels).every(isClass)) {
    const wrong = Array.from(logits).findIndex((logit) => !Number.isFinite(logit));
    if (wrong === -1) return;
    throw new HeadstartError(
      "INVALID_DATA",
      `Photo ${Math.floor(wrong / classes)} has a logit that is not a finite number.`,
      "Take logits rather than logarithms of probabilities, of which some may be 0.",
    );
  }
  throw new HeadstartError(
    "INVALID_DATA",
    `A temperature cannot be fitted to ${logits.length} logits and ${photos} labels of ${classes} classes.`,
    "Give at least one photo, a logit for each class of each photo, and labels counted from 0.",
  );
}
