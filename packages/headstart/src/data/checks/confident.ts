/** What {@link confidentLearning} finds. */
export interface ConfidentJoint {
  /** For each class the mean probability that photos labelled with it have of it: from here on a photo counts for the class. */
  readonly thresholds: readonly number[];
  /**
   * Estimated numbers of photos by label (row) and by what they are (column), [C, C]. Each row adds up to the number of photos with that
   * label.
   */
  readonly joint: readonly (readonly number[])[];
  /** Rows of photos that count for another class than their label, ascending. */
  readonly offDiagonal: readonly number[];
}

/** Probabilities of photos with the labels that they have. */
export interface LabelledProbabilities {
  /** `[N, C]`, row by row: of each photo, from a model that has not seen it. */
  readonly probabilities: Float32Array;
  /** For each photo its label, a number below `classes`. */
  readonly labels: readonly number[];
  /** C. */
  readonly classes: number;
}

/**
 * Confident learning: estimates how many photos of each label belong to each class, from probabilities that come from a model that has not
 * seen the photos.
 *
 * A class's threshold is the mean probability of the class among the photos labelled with it. A photo counts for the most probable of the
 * classes whose threshold it reaches, and for none if it reaches none. The counts of a label are scaled to the number of photos that have
 * it.
 *
 * Source: C. Northcutt, L. Jiang, I. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, Journal of Artificial Intelligence
 * Research 70, 2021, section 3.1.
 */
export function confidentLearning({ probabilities, labels, classes }: LabelledProbabilities): ConfidentJoint {
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (const [row, label] of labels.entries()) {
    sums[label] = (sums[label] ?? 0) + (probabilities[row * classes + label] ?? 0);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  // Without photos, nothing reaches the threshold. The mean of equal numbers may come out a rounding error above them.
  const thresholds = Array.from(sums, (sum, c) => {
    const count = counts[c] ?? 0;
    return count === 0 ? Number.POSITIVE_INFINITY : sum / count - 1e-7;
  });
  const confident = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const offDiagonal: number[] = [];
  for (const [row, label] of labels.entries()) {
    let best = -1;
    for (let c = 0; c < classes; c++) {
      const p = probabilities[row * classes + c] ?? 0;
      if (p >= (thresholds[c] ?? 1) && (best < 0 || p > (probabilities[row * classes + best] ?? 0))) best = c;
    }
    if (best < 0) continue;
    const line = confident[label];
    if (line) line[best] = (line[best] ?? 0) + 1;
    if (best !== label) offDiagonal.push(row);
  }
  const joint = confident.map((line, label) => {
    const sum = line.reduce((a, b) => a + b, 0);
    const count = counts[label] ?? 0;
    if (sum === 0) return line.map((_, c) => (c === label ? count : 0));
    return line.map((value) => (value * count) / sum);
  });
  return { thresholds, joint, offDiagonal };
}

/**
 * Rows of photos that their label fits least, by class: of each label as many as the joint says are of another class, those with the
 * smallest probability of their label first ("prune by class"), and of each pair of a label and another class as many as the joint says,
 * those with the largest margin first ("prune by noise rate").
 *
 * Source: as {@link confidentLearning}, section 3.2.
 */
export function prune(
  given: LabelledProbabilities,
  { joint }: Pick<ConfidentJoint, "joint">,
  by: "class" | "noise-rate",
): number[] {
  const { labels, classes } = given;
  const byLabel = Array.from({ length: classes }, (): number[] => []);
  for (const [row, label] of labels.entries()) byLabel[label]?.push(row);
  const found = new Set<number>();
  const take = (rows: readonly number[], count: number, doubt: (row: number) => number) => {
    const order = [...rows].sort((a, b) => doubt(b) - doubt(a) || a - b);
    for (const row of order.slice(0, Math.round(count))) found.add(row);
  };
  for (const [label, rows] of byLabel.entries()) {
    const line = joint[label] ?? [];
    if (by === "class") {
      const wrong = line.reduce((sum, value, c) => (c === label ? sum : sum + value), 0);
      take(rows, wrong, (row) => -probabilityOf(given, row, label));
    } else
      for (const [c, value] of line.entries())
        if (c !== label)
          take(rows, value, (row) => probabilityOf(given, row, c) - probabilityOf(given, row, label));
  }
  return [...found].sort((a, b) => a - b);
}

/** Probability of a class for a photo. */
export function probabilityOf(
  { probabilities, classes }: Pick<LabelledProbabilities, "probabilities" | "classes">,
  row: number,
  c: number,
): number {
  return probabilities[row * classes + c] ?? 0;
}

/** The most probable class other than a photo's label, and by how much it is more probable than the label: the normalised margin, turned round. */
export function doubtOf(
  given: LabelledProbabilities,
  row: number,
): { readonly other: number; readonly margin: number } {
  const label = given.labels[row] ?? -1;
  let other = -1;
  for (let c = 0; c < given.classes; c++)
    if (c !== label && (other < 0 || probabilityOf(given, row, c) > probabilityOf(given, row, other)))
      other = c;
  return { other, margin: probabilityOf(given, row, other) - probabilityOf(given, row, label) };
}
