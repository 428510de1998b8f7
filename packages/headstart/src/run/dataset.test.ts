import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import type { Dataset, Photo, Split } from "../data/index.js";
import { checkSameData, countSplits, photosOf, withoutFailures, writeData } from "./dataset.js";

/** A photo named after its class, split and number; its name is its digest. */
function photo(className: string, split: Split, number: number): Photo {
  const name = `${className}/${split}-${number}.jpg`;
  return { path: `/photos/${name}`, name, className, split, digest: name, bytes: number };
}

const dataset: Dataset = {
  root: "/photos",
  classes: ["ant", "bee"],
  photos: [
    photo("ant", "train", 1),
    photo("ant", "train", 2),
    photo("ant", "train", 3),
    photo("ant", "test", 4),
    photo("bee", "train", 5),
    photo("bee", "train", 6),
    photo("bee", "validation", 7),
  ],
  skipped: [{ name: "bee/text.jpg", reason: "not a photo" }],
  warnings: ["Something is odd."],
  fingerprint: "f1",
};

const failed = (...names: readonly string[]) => new Map(names.map((name) => [name, `${name} is broken.`]));

test("countSplits counts every split, those without photos too", () => {
  expect(countSplits(dataset.photos)).toEqual({ train: 5, validation: 1, test: 1 });
  expect(countSplits([])).toEqual({ train: 0, validation: 0, test: 0 });
});

test("photosOf labels photos by the place of their class", () => {
  const { photos, labels } = photosOf(dataset, "train");
  expect(photos.map(({ bytes }) => bytes)).toEqual([1, 2, 3, 5, 6]);
  expect(labels).toEqual([0, 0, 0, 1, 1]);
  expect(photosOf(dataset, "validation").labels).toEqual([1]);
});

describe("withoutFailures", () => {
  test("no failures: the same data", () => {
    expect(withoutFailures(dataset, failed())).toBe(dataset);
  });

  test("photos that cannot be decoded join the skipped ones; the fingerprint stays that of what was found", () => {
    const left = withoutFailures(dataset, failed("ant/train-2.jpg", "bee/validation-7.jpg"));
    expect(left.photos.map(({ bytes }) => bytes)).toEqual([1, 3, 4, 5, 6]);
    expect(left.skipped).toEqual([
      { name: "bee/text.jpg", reason: "not a photo" },
      { name: "ant/train-2.jpg", reason: "ant/train-2.jpg is broken." },
      { name: "bee/validation-7.jpg", reason: "bee/validation-7.jpg is broken." },
    ]);
    expect([left.fingerprint, left.classes]).toEqual(["f1", dataset.classes]);
  });

  test("a class with one training photo left is refused, by its name and the first photo", () => {
    expect(() => withoutFailures(dataset, failed("bee/train-6.jpg"))).toThrow(
      expect.objectContaining({
        code: "INVALID_DATA",
        message: "1 photo cannot be decoded, and without them the class bee has too few to train on.",
        hint: expect.stringContaining("The first that cannot: bee/train-6.jpg: bee/train-6.jpg is broken."),
      }),
    );
  });
});

describe("data.json", () => {
  test("names every photo", async () => {
    const folder = folderWith({});
    await writeData(folder, dataset, ["ant/train-1.jpg"]);
    const data = JSON.parse(readFileSync(join(folder, "data.json"), "utf8"));
    expect(data).toMatchObject({
      root: "/photos",
      fingerprint: "f1",
      classes: ["ant", "bee"],
      counts: { train: 5, validation: 1, test: 1 },
      warnings: ["Something is odd."],
      skipped: dataset.skipped,
      truncated: ["ant/train-1.jpg"],
    });
    expect(data.photos).toHaveLength(7);
    expect(data.photos[3]).toEqual({
      name: "ant/test-4.jpg",
      class: "ant",
      split: "test",
      sha256: "ant/test-4.jpg",
      bytes: 4,
    });
  });

  test("is compared by its fingerprint", async () => {
    const folder = folderWith({});
    // Nothing has been found yet.
    await checkSameData(folder, dataset);
    await writeData(folder, dataset);
    await checkSameData(folder, { ...dataset, photos: [], skipped: [] });
    await expect(checkSameData(folder, { ...dataset, fingerprint: "f2" })).rejects.toMatchObject({
      code: "INVALID_RUN",
      message: `The photos in /photos are not those that the run ${folder} began with.`,
    });
    writeFileSync(join(folder, "data.json"), "{");
    await expect(checkSameData(folder, dataset)).rejects.toMatchObject({
      code: "INVALID_RUN",
      message: expect.stringContaining("data.json is damaged."),
    });
  });
});
