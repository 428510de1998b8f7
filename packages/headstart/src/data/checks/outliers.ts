import type { Runtime } from "../../runtime/index.js";
import { type CheckedPhoto, type Finding, named } from "./finding.js";
import { withNearest } from "./nearest.js";
import { type Rows, someRows } from "./rows.js";

/** Neighbours that a photo is compared with. */
const NEIGHBOURS = 5;

/** Classes with fewer photos have no outliers: there is nothing to stand out from. */
const FEWEST = 2 * NEIGHBOURS;

/** A photo is named if it is so many standard deviations farther from its class than the class's photos are. */
const LEAST_DEVIATION = 4;

/** Most photos that are named, as a share of all. */
const MOST_NAMED = 0.02;

/**
 * How far each photo stands from the others of its class: the mean cosine with its five nearest, in standard deviations below the class's
 * median. 0 in classes with fewer than ten photos. The highest are the likeliest not to belong.
 *
 * @param features - one row a photo
 * @param labels - for each photo its class, a number below `classes`
 */
export async function outlierScores(
  runtime: Runtime,
  features: Rows,
  labels: readonly number[],
  classes: number,
): Promise<Float64Array> {
  const scores = new Float64Array(labels.length);
  await withNearest(runtime, { width: features.width, count: NEIGHBOURS }, async (search) => {
    for (let label = 0; label < classes; label++) {
      const rows = labels.flatMap((own, row) => (own === label ? [row] : []));
      if (rows.length < FEWEST) continue;
      const own = someRows(features, rows);
      const means = new Float64Array(rows.length);
      for (const { row, cosine } of await search.find(own, own))
        means[row] = (means[row] ?? 0) + cosine / NEIGHBOURS;
      for (const [i, deviations] of deviationsBelow(means).entries()) scores[rows[i] ?? 0] = deviations;
    }
  });
  return scores;
}

/** How far each number is below the median, in standard deviations about the median. */
function deviationsBelow(values: Float64Array): Float64Array {
  const median = values.toSorted()[values.length >> 1] ?? 0;
  const variance = values.reduce((sum, value) => sum + (value - median) ** 2, 0) / values.length;
  const deviation = Math.max(1e-6, Math.sqrt(variance));
  return values.map((value) => (median - value) / deviation);
}

/** A finding for each photo that stands far from its class, the farthest first; at most 2 % of the photos. */
export function outlierFindings(photos: readonly CheckedPhoto[], scores: Float64Array): Finding[] {
  return [...scores.entries()]
    .filter(([, score]) => score >= LEAST_DEVIATION)
    .sort(([, a], [, b]) => b - a)
    .slice(0, Math.ceil(MOST_NAMED * photos.length))
    .flatMap(([row, score]): Finding[] => {
      const photo = photos[row];
      if (photo === undefined) return [];
      return [
        {
          kind: "outlier",
          severity: "note",
          confidence: 1 / (1 + Math.exp(LEAST_DEVIATION - score)),
          photos: [named(photo)],
          sentence: `${photo.name} is unlike the other photos of ${photo.className}.`,
          advice: "Look at it: take it out if it does not show the class; a rare but right photo may stay.",
          details: { deviations: score },
          movable: [photo.name],
        },
      ];
    });
}
