import type { Random } from "../random.js";

/** Folds for cross-validation with few photos; with many, fewer folds measure as well and cost less. */
const FOLDS = 5;
const FEWER_FOLDS = 3;
const MANY_PHOTOS = 2000;

/**
 * Divides photos into folds of about the same size, each with about the same share of every class. Copies of a photo share a fold.
 *
 * @param photos - labels and content hashes
 * @param random - decides which photo goes where
 * @returns the rows of each fold: five folds, or three from 2,000 photos on, and never more than the rarest class has photos (but two at least)
 */
export function assignFolds(
  photos: { readonly labels: readonly number[]; readonly digests: readonly string[] },
  random: Random,
): number[][] {
  const classes = new Map<number, Map<string, number[]>>();
  photos.labels.forEach((label, row) => {
    const digest = photos.digests[row] ?? "";
    const copies = classes.get(label) ?? new Map<string, number[]>();
    copies.set(digest, [...(copies.get(digest) ?? []), row]);
    classes.set(label, copies);
  });
  const rarest = Math.min(...[...classes.values()].map(({ size }) => size));
  const most = photos.labels.length < MANY_PHOTOS ? FOLDS : FEWER_FOLDS;
  const folds = Array.from({ length: Math.max(2, Math.min(most, rarest)) }, (): number[] => []);
  let next = 0;
  for (const label of [...classes.keys()].sort((a, b) => a - b)) {
    const groups = [...(classes.get(label) ?? new Map<string, number[]>()).entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, rows]) => rows);
    for (const rows of random.shuffle(groups)) folds[next++ % folds.length]?.push(...rows);
  }
  return folds;
}
