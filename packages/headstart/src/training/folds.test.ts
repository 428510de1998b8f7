import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random.js";
import { assignFolds } from "./folds.js";

/** Photos of two to five classes, some of them several times. */
const photoSets = fc
  .array(fc.record({ photos: fc.integer({ min: 1, max: 30 }), copied: fc.integer({ min: 0, max: 5 }) }), {
    minLength: 2,
    maxLength: 5,
  })
  .map((classes) =>
    classes.flatMap(({ photos, copied }, label) =>
      Array.from({ length: photos + copied }, (_, i) => ({ label, digest: `${label}/${i % photos}` })),
    ),
  )
  .chain((rows) => fc.shuffledSubarray(rows, { minLength: rows.length, maxLength: rows.length }))
  .map((rows) => ({ labels: rows.map(({ label }) => label), digests: rows.map(({ digest }) => digest) }));

describe("assignFolds", () => {
  test("puts every photo into one fold", () => {
    fc.assert(
      fc.property(photoSets, fc.nat(), (photos, seed) => {
        const rows = assignFolds(photos, createRandom(seed)).flat();
        expect(rows.sort((a, b) => a - b)).toEqual(photos.labels.map((_, row) => row));
      }),
    );
  });

  test("keeps copies together and shares the different photos of a class out evenly", () => {
    fc.assert(
      fc.property(photoSets, fc.nat(), ({ labels, digests }, seed) => {
        const folds = assignFolds({ labels, digests }, createRandom(seed));
        const contents = folds.map((rows) => new Set(rows.map((row) => digests[row] ?? "")));
        const all = new Set(digests);
        expect(contents.reduce((sum, { size }) => sum + size, 0)).toBe(all.size);
        for (const label of new Set(labels)) {
          const counts = contents.map(
            (some) => [...some].filter((name) => name.startsWith(`${label}/`)).length,
          );
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
        const sizes = contents.map(({ size }) => size);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("gives the same folds again, whatever order the photos come in, and others for another seed", () => {
    const digests = Array.from({ length: 40 }, (_, i) => `photo ${i}`);
    const photos = { labels: digests.map((_, i) => i % 2), digests };
    const names = (set: typeof photos, seed: number) =>
      assignFolds(set, createRandom(seed)).map((rows) => rows.map((row) => set.digests[row]).sort());
    const reversed = { labels: photos.labels.toReversed(), digests: digests.toReversed() };
    expect(names(reversed, 1)).toEqual(names(photos, 1));
    expect(names(photos, 2)).not.toEqual(names(photos, 1));
  });

  test.each([
    [1, 2],
    [2, 2],
    [4, 4],
    [9, 5],
    [1000, 3],
  ])("a rarest class of %i photos makes %i folds", (rarest, expected) => {
    const labels = [0, 1].flatMap((label) => Array.from({ length: rarest + label }, () => label));
    const digests = labels.map((_, i) => String(i));
    expect(assignFolds({ labels, digests }, createRandom(1))).toHaveLength(expected);
  });
});
