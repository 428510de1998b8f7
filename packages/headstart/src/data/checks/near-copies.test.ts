import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../random.js";
import { Runtime } from "../../runtime/index.js";
import { align } from "./align.js";
import { SMALL } from "./appearance.js";
import type { CheckedPhoto } from "./finding.js";
import { nearCopies, nearPairs } from "./near-copies.js";
import { HASH_BITS, perceptualHashes } from "./perceptual-hash.js";
import { type Rows, rowsInMemory } from "./rows.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** A scene of soft blobs: its brightness at any place, x and y from 0 to 1. */
function scene(seed: number): (x: number, y: number) => number {
  const random = createRandom("scene", seed);
  const blobs = Array.from({ length: 12 }, () => ({
    x: random.uniform(),
    y: random.uniform(),
    size: random.between(0.05, 0.25),
    level: random.between(-1, 1),
  }));
  return (x, y) =>
    blobs.reduce(
      (sum, blob) =>
        sum + blob.level * Math.exp(-((x - blob.x) ** 2 + (y - blob.y) ** 2) / (2 * blob.size ** 2)),
      0.5,
    );
}

/** A small picture of a part of a scene. */
function picture(seed: number, { left = 0, top = 0, size = 1, mirrored = false } = {}): number[] {
  const at = scene(seed);
  return Array.from({ length: SMALL * SMALL }, (_, i) => {
    const [y, x] = [Math.floor(i / SMALL), i % SMALL].map((pixel) => (pixel + 0.5) / SMALL) as [
      number,
      number,
    ];
    return at(left + size * (mirrored ? 1 - x : x), top + size * y);
  });
}

/** Small pictures one after the other, as rows. */
function small(pictures: readonly number[]): Rows {
  return rowsInMemory(Float32Array.from(pictures), SMALL * SMALL);
}

describe("perceptual hashes", () => {
  test("a mirrored picture has the mirrored hash", async () => {
    const grey = small([...picture(1), ...picture(1, { mirrored: true })]);
    const { upright, mirrored } = await perceptualHashes(runtime, grey);
    expect([...mirrored.subarray(0, HASH_BITS)]).toEqual([...upright.subarray(HASH_BITS)]);
    expect([...upright.subarray(0, HASH_BITS)]).not.toEqual([...upright.subarray(HASH_BITS)]);
  });

  test("brightness and contrast change nothing", async () => {
    const first = picture(2);
    const grey = small([...first, ...first.map((value) => 0.3 * value + 0.4)]);
    const { upright } = await perceptualHashes(runtime, grey);
    expect([...upright.subarray(0, HASH_BITS)]).toEqual([...upright.subarray(HASH_BITS)]);
  });
});

describe("align", () => {
  test("finds where a crop lies, either way round, upright and mirrored", async () => {
    const crops = [
      { left: 0.07, top: 0.02, size: 0.9 },
      { left: 0.1, top: 0.1, size: 0.84 },
      { left: 0, top: 0.08, size: 0.92, mirrored: true },
    ];
    const grey = small([...picture(3), ...crops.flatMap((crop) => picture(3, crop))]);
    const pairs = crops.flatMap((_, i) => [
      { a: 0, b: i + 1 },
      { a: i + 1, b: 0 },
    ]);
    const matches = await align(runtime, grey, pairs);
    expect(matches.map(({ a, b }) => ({ a, b }))).toEqual(pairs);
    for (const { correlation } of matches) expect(correlation).toBeGreaterThan(0.97);
    expect(matches.map(({ mirrored }) => mirrored)).toEqual([false, false, false, false, true, true]);
  });

  test("different pictures match badly, and one without contrast not at all", async () => {
    const grey = small([...picture(4), ...picture(5), ...new Array<number>(SMALL * SMALL).fill(0.5)]);
    const [different, flat] = await align(runtime, grey, [
      { a: 0, b: 1 },
      { a: 0, b: 2 },
    ]);
    expect(different?.correlation).toBeLessThan(0.85);
    expect(flat?.correlation).toBeLessThan(0.1);
    expect(await align(runtime, grey, [])).toEqual([]);
  });
});

/** Features of scenes: those of one scene are alike. */
function features(scenes: readonly number[], noise: number) {
  const width = 32;
  const values = scenes.flatMap((seed, i) => {
    const own = createRandom("features", seed);
    const other = createRandom("noise", i);
    return Array.from({ length: width }, () => own.between(-1, 1) + other.between(-noise, noise));
  });
  return rowsInMemory(Float32Array.from(values), width);
}

describe("near copies", () => {
  test("are found among other photos, and nothing else", async () => {
    const scenes = [10, 11, 12, 13, 14, 15, 16, 17, 10, 12, 14];
    const changes = [
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      { size: 0.92 },
      { mirrored: true },
      { left: 0.08, size: 0.9 },
    ];
    const grey = small(scenes.flatMap((seed, i) => picture(seed, changes[i])));
    const pairs = await nearPairs(runtime, { grey, features: features(scenes, 0.3) });
    expect(pairs.map(({ a, b }) => [a, b])).toEqual([
      [0, 8],
      [2, 9],
      [4, 10],
    ]);
    expect(pairs.map(({ mirrored }) => mirrored)).toEqual([false, true, false]);
    for (const { confidence } of pairs) expect(confidence).toBeGreaterThan(0.9);
  });

  test("are found by the hash where features say little", async () => {
    const scenes = [20, 21, 22, 20];
    const grey = small(scenes.flatMap((seed, i) => picture(seed, i === 3 ? { mirrored: true } : {})));
    // 0.52 is far below what makes a candidate.
    const values = Float32Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0.52, 0, 0, 0.854]);
    const pairs = await nearPairs(runtime, { grey, features: rowsInMemory(values, 4) });
    expect(pairs.map(({ a, b }) => [a, b])).toEqual([[0, 3]]);
  });

  test("a photo alone has none", async () => {
    const grey = small(picture(1));
    expect(await nearPairs(runtime, { grey, features: features([1], 0) })).toEqual([]);
  });

  test("are grouped with their exact copies, as sure as the weakest link", () => {
    const photo = (name: string, digest: string): CheckedPhoto => ({
      name,
      digest,
      path: name,
      className: "cat",
      bytes: 1,
      side: "train",
    });
    const photos = [
      photo("1", "a"),
      photo("2", "b"),
      photo("3", "c"),
      photo("4", "a"),
      photo("5", "d"),
      photo("6", "d"),
    ];
    const pair = (a: number, b: number, confidence: number) => ({
      a,
      b,
      confidence,
      correlation: 1,
      cosine: 1,
      mirrored: false,
    });
    const groups = nearCopies(
      photos,
      ["a", "b", "c", "d"],
      [pair(0, 1, 0.9), pair(1, 2, 0.7), pair(0, 2, 0.6)],
    );
    expect(
      groups.map(({ photos: group, confidence }) => [group.map(({ name }) => name), confidence]),
    ).toEqual([[["1", "2", "3", "4"], 0.7]]);
  });
});
