import type { Runtime } from "../../runtime/index.js";
import { align, type Pair } from "./align.js";
import type { CopyGroup } from "./copies.js";
import type { CheckedPhoto } from "./finding.js";
import { type Neighbour, withNearest } from "./nearest.js";
import { HASH_BITS, perceptualHashes } from "./perceptual-hash.js";
import { cosines, type Rows, rowsInMemory } from "./rows.js";

/** What photos are compared by; row i belongs to photo i. */
export interface Comparable {
  /** Brightness of small pictures, `SMALL * SMALL` numbers each. */
  readonly grey: Rows;
  /** Features of a backbone. */
  readonly features: Rows;
}

/** Two photos that show the same picture. */
export interface NearPair extends Pair {
  /** How sure it is that they do. */
  readonly confidence: number;
  /** Correlation of the brightness where one is laid over the other. */
  readonly correlation: number;
  /** Cosine of the features. */
  readonly cosine: number;
  readonly mirrored: boolean;
}

/** How many neighbours of each photo are looked at, by features and by hash. */
const CANDIDATES = 8;

/** Features with a smaller cosine are of different pictures. */
const LEAST_COSINE = 0.8;

/** Pairs that are alike by their features are laid over one another as long as there are no more than so many a photo: the nearest come first. */
const PAIRS_PER_PHOTO = 3;

/** Hashes of one picture differ in no more bits. */
const MOST_BITS = 10;

/** Hashes whose cosine says that they differ in no more bits; a little less for rounding. */
const LIKE_HASHES = { width: HASH_BITS, count: CANDIDATES, least: 1 - (2 * MOST_BITS) / HASH_BITS - 1e-6 };

/** The weight of the features' cosine beside the correlation, and the sum from which two photos are taken for one picture. */
const COSINE_WEIGHT = 0.1;
const LEAST_SUM = 1.045;

/** Confidence is the logistic function of the sum's distance from its least, times this. */
const STEEPNESS = 100;

/**
 * Photos that show the same picture: encoded again, scaled, cropped, mirrored, with other colours or with a mark on it.
 *
 * Candidates are the nearest neighbours of each photo by the backbone's features, and by a perceptual hash, upright and mirrored. Each
 * candidate is then laid over the other ({@link align}); the correlation and the cosine of the features together decide.
 *
 * @param rows - the photos to compare, one row of each content: exact copies would crowd out all others
 */
export async function nearPairs(
  runtime: Runtime,
  { grey, features }: Comparable,
  onProgress?: (done: number, total: number) => void,
): Promise<NearPair[]> {
  const { count: photos } = grey;
  if (photos < 2) return [];
  // Comparing all with all is most of the work where photos differ, laying over where they are alike.
  const told = (from: number, to: number) => (done: number, total: number) =>
    onProgress?.(Math.round(photos * (from + ((to - from) * done) / Math.max(1, total))), photos);
  const close = await withNearest(
    runtime,
    { width: features.width, count: CANDIDATES, least: LEAST_COSINE },
    async (search) => await search.find(features, features, told(0, 0.5)),
  );
  const candidates = await withCosines(runtime, features, close, await alike(runtime, grey));
  told(0.6, 1)(0, 1);
  const matches = await align(runtime, grey, candidates, told(0.6, 1));
  return matches.flatMap(({ a, b, correlation, mirrored: isMirrored }, i) => {
    const { cosine } = candidates[i] ?? { cosine: 0 };
    const sum = correlation + COSINE_WEIGHT * cosine;
    if (sum < LEAST_SUM) return [];
    const confidence = 1 / (1 + Math.exp(-STEEPNESS * (sum - LEAST_SUM)));
    return [{ a, b, confidence, correlation, cosine, mirrored: isMirrored }];
  });
}

/** Photos whose hashes differ in few bits, upright or with one mirrored. */
async function alike(runtime: Runtime, grey: Rows): Promise<Neighbour[]> {
  const hashes = await perceptualHashes(runtime, grey);
  const upright = rowsInMemory(hashes.upright, HASH_BITS);
  const mirrored = rowsInMemory(hashes.mirrored, HASH_BITS);
  return await withNearest(runtime, LIKE_HASHES, async (search) => [
    ...(await search.find(upright, upright)),
    ...(await search.find(mirrored, upright)),
  ]);
}

/** Every pair once, with the cosine of its features. */
async function withCosines(
  runtime: Runtime,
  features: Rows,
  close: readonly Neighbour[],
  others: readonly Neighbour[],
): Promise<(Pair & { readonly cosine: number })[]> {
  const { count: photos } = features;
  const pairs = new Map<number, Pair & { readonly cosine: number }>();
  const missing = new Map<number, Pair>();
  const keyOf = (row: number, other: number) => Math.min(row, other) * photos + Math.max(row, other);
  const pairOf = (row: number, other: number): Pair => ({ a: Math.min(row, other), b: Math.max(row, other) });
  for (const { row, other, cosine } of [...close].sort((x, y) => y.cosine - x.cosine)) {
    if (pairs.size === PAIRS_PER_PHOTO * photos) break;
    pairs.set(keyOf(row, other), { ...pairOf(row, other), cosine });
  }
  for (const { row, other } of others) {
    const key = keyOf(row, other);
    if (row !== other && !pairs.has(key)) missing.set(key, pairOf(row, other));
  }
  const left = [...missing];
  const found = await cosines(
    runtime,
    features,
    left.map(([, pair]) => pair),
  );
  for (const [i, [key, pair]] of left.entries()) pairs.set(key, { ...pair, cosine: found[i] ?? 0 });
  return [...pairs].sort(([a], [b]) => a - b).map(([, pair]) => pair);
}

/**
 * Photos in groups that show one picture: those of a pair, and those that a chain of pairs connects. The confidence of a group is that of the
 * weakest of the pairs that hold it together.
 *
 * @param photos - all photos; one with the same content as another is in its group
 * @param contents - the digests of the rows that were compared
 * @param pairs - as {@link nearPairs} gives them
 */
export function nearCopies(
  photos: readonly CheckedPhoto[],
  contents: readonly string[],
  pairs: readonly NearPair[],
): CopyGroup[] {
  const leader = contents.map((_, row) => row);
  const leaderOf = (row: number): number => {
    let at = row;
    while (leader[at] !== at) {
      const next = leader[at] ?? at;
      leader[at] = leader[next] ?? next;
      at = leader[at] ?? at;
    }
    return at;
  };
  // The surest pairs first: those that come later and connect nothing new are not needed.
  const weakest = new Map<number, number>();
  for (const { a, b, confidence } of [...pairs].sort((x, y) => y.confidence - x.confidence)) {
    const [first, second] = [leaderOf(a), leaderOf(b)];
    if (first === second) continue;
    const [low, high] = [Math.min(first, second), Math.max(first, second)];
    leader[high] = low;
    weakest.set(low, confidence);
  }
  const rowOf = new Map(contents.map((digest, row) => [digest, row]));
  const groups = new Map<number, CheckedPhoto[]>();
  for (const photo of photos) {
    const row = rowOf.get(photo.digest);
    if (row === undefined) continue;
    const group = groups.get(leaderOf(row));
    if (group) group.push(photo);
    else groups.set(leaderOf(row), [photo]);
  }
  return [...groups].flatMap(([row, group]) => {
    const confidence = weakest.get(row);
    return confidence === undefined ? [] : [{ photos: group, confidence }];
  });
}
