import { HeadstartError } from "../errors.js";
import { float32, floats, int64, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Held, Runtime, Session } from "../runtime/index.js";
// Only this file, so that a classifier is loaded without all that trains one.
import { assignFolds } from "../training/folds.js";
import type { LabelledFeatures } from "../training/index.js";
import { quantile } from "./bootstrap.js";
import { composeUnlike, type Unlike } from "./unlike-graphs.js";

/** Prototypes of all classes together: so many at least, two a class, and not more where the classes are not more themselves. */
const FEWEST_PROTOTYPES = 64;
const MOST_PROTOTYPES = 512;

/** Rounds of k-means. */
const ROUNDS = 6;

/** Photos that one run of a graph takes. */
const BLOCK_ROWS = 4096;

/** How {@link fitUnlike} fits. */
export interface UnlikeOptions {
  /** Number of features, D. */
  readonly features: number;
  /** Number of classes. */
  readonly classes: number;
  /** Draws the folds and the first prototypes. */
  readonly random: Random;
  readonly signal?: AbortSignal;
}

/** Photos whose features the runtime holds. */
interface Block {
  readonly features: Held;
  readonly label: Tensor;
  readonly rows: readonly number[];
}

/**
 * Fits what says how unlike the training photos another photo is: prototypes of each class, by k-means on features of length 1 (I. S. Dhillon and
 * D. S. Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 42 (2001), 143-175), and how far training
 * photos lie from the prototypes of the others, fold by fold, so that they are not favoured. The distance to the nearest neighbour on such
 * features is that of Y. Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022.
 *
 * There are 64 prototypes, or two a class up to 512, or one a class; a class has as many as its share of the photos says, at least one.
 *
 * @param runtime - runs the graphs and holds the features
 * @param photos - the training photos
 * @param options - sizes, random numbers
 * @returns the constants of `addUnlike`
 * @throws HeadstartError `INVALID_DATA` if there are fewer than two photos, `INTERRUPTED` when the signal asks for it
 *
 * @example
 * const runtime = Runtime.start();
 * const points = float32([4, 2], [1, 0, 1, 0.1, 0, 1, 0.1, 1]);
 * const photos = {
 *   count: 4,
 *   labels: [0, 0, 1, 1],
 *   digests: ["a", "b", "c", "d"],
 *   read: async (rows: readonly number[]) =>
 *     Float32Array.from(rows.flatMap((row) => [...floats(points).subarray(row * 2, row * 2 + 2)])),
 * };
 * const unlike = await fitUnlike(runtime, photos, { features: 2, classes: 2, random: createRandom(0) });
 * unlike.prototypes.dims; // => [4, 2]
 * await runtime.close();
 */
export async function fitUnlike(
  runtime: Runtime,
  photos: LabelledFeatures,
  options: UnlikeOptions,
): Promise<Unlike> {
  if (photos.count < 2)
    throw new HeadstartError("INVALID_DATA", "Two training photos are needed to say how far apart they are.");
  const { features, random, signal } = options;
  const graphs = composeUnlike(features);
  const assign = await runtime.load(graphs.assign);
  const renew = await runtime.load(graphs.renew);
  const distance = await runtime.load(graphs.distance);
  const folds: Block[][] = [];
  try {
    for (const rows of assignFolds(photos, random)) folds.push(await hold(runtime, photos, rows, features));
    const fitter = { photos, options, assign, renew };
    const distances: number[] = [];
    for (const left of folds) {
      const prototypes = await cluster(fitter, folds.filter((fold) => fold !== left).flat());
      for (const block of left) {
        const found = await distance.run<"distance">({ features: block.features, prototypes });
        distances.push(...floats(found.distance));
      }
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The fit was interrupted.");
    }
    const sorted = Float64Array.from(distances).sort();
    const quantiles = Array.from({ length: 101 }, (_, percent) => quantile(sorted, percent / 100));
    return {
      prototypes: await cluster(fitter, folds.flat()),
      quantiles: float32([quantiles.length], quantiles),
    };
  } finally {
    await runtime.drop(...folds.flat().map((block) => block.features));
    await Promise.all([assign, renew, distance].map((session) => session.close()));
  }
}

interface Fitter {
  readonly photos: LabelledFeatures;
  readonly options: UnlikeOptions;
  readonly assign: Session;
  readonly renew: Session;
}

/** Prototypes of some photos, class by class. */
async function cluster(
  { photos, options, assign, renew }: Fitter,
  blocks: readonly Block[],
): Promise<Tensor> {
  const { features, classes, random } = options;
  const first = firstRows(
    blocks.flatMap(({ rows }) => rows),
    photos.labels,
    classes,
    random,
  );
  const dims = [first.length, features];
  const zeros = float32(dims, new Float32Array(first.length * features));
  const renewed = async (sums: Tensor, prototypes: Tensor) =>
    (await renew.run<"renewed">({ sums, prototypes })).renewed;
  let prototypes = await renewed(float32(dims, await photos.read(first)), zeros);
  const owner = int64(
    [first.length],
    first.map((row) => photos.labels[row] ?? 0),
  );
  for (let round = 0; round < ROUNDS; round++) {
    let sums = zeros;
    for (const { features: held, label } of blocks) {
      const inputs = { features: held, label, prototypes, owner, sums_in: sums };
      sums = (await assign.run<"sums_out">(inputs)).sums_out;
    }
    prototypes = await renewed(sums, prototypes);
  }
  return prototypes;
}

/** The photos that the prototypes start from. */
function firstRows(
  rows: readonly number[],
  labels: readonly number[],
  classes: number,
  random: Random,
): number[] {
  const wanted = Math.max(classes, Math.min(MOST_PROTOTYPES, Math.max(FEWEST_PROTOTYPES, 2 * classes)));
  const byClass = new Map<number, number[]>();
  for (const row of rows) {
    const label = labels[row] ?? 0;
    const own = byClass.get(label);
    if (own === undefined) byClass.set(label, [row]);
    else own.push(row);
  }
  return [...byClass.values()].flatMap((own) => {
    const share = Math.max(1, Math.floor((wanted * own.length) / rows.length));
    return random.shuffle(own).slice(0, share);
  });
}

/** Features and labels of some photos, left with the runtime. */
async function hold(
  runtime: Runtime,
  photos: LabelledFeatures,
  rows: readonly number[],
  features: number,
): Promise<Block[]> {
  const blocks: Block[] = [];
  for (let start = 0; start < rows.length; start += BLOCK_ROWS) {
    const chunk = rows.slice(start, start + BLOCK_ROWS);
    blocks.push({
      features: await runtime.hold(float32([chunk.length, features], await photos.read(chunk))),
      label: int64(
        [chunk.length],
        chunk.map((row) => photos.labels[row] ?? 0),
      ),
      rows: chunk,
    });
  }
  return blocks;
}
