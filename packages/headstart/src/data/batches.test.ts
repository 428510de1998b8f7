import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Batch, decodeBatches } from "./batches.js";

interface Fake {
  readonly path: string;
  readonly value: number;
  readonly fate: "good" | "truncated" | "fails";
  readonly delay: number;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function fake(photo: Fake, into: Uint8Array): Promise<{ truncated: boolean }> {
  if (photo.delay > 0) await pause(photo.delay);
  into.fill(0xee);
  if (photo.fate === "fails") throw new Error(`no ${photo.value}`);
  into.fill(photo.value);
  return { truncated: photo.fate === "truncated" };
}

async function all(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const list: Batch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

const fates = fc.array(
  fc.record({
    fate: fc.constantFrom("good", "good", "truncated", "fails"),
    delay: fc.constantFrom(0, 0, 0, 1, 2),
  } as const),
  { maxLength: 40 },
);

describe("decodeBatches", () => {
  test("every good photo once, in order, in full batches; every failure told, whatever fails", async () => {
    await fc.assert(
      fc.asyncProperty(
        fates,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        async (given, batchSize, ahead) => {
          const photos = given.map((photo, i): Fake => ({ ...photo, path: `${i}`, value: i }));
          const batches = await all(decodeBatches(photos, { batchSize, size: 2, decode: fake, ahead }));
          const at = (fate: Fake["fate"]) =>
            photos.filter((photo) => photo.fate === fate).map(({ value }) => value);
          const good = photos.filter(({ fate }) => fate !== "fails").map(({ value }) => value);
          expect(batches.flatMap(({ indices }) => indices)).toEqual(good);
          expect(batches.flatMap(({ truncated }) => truncated)).toEqual(at("truncated"));
          expect(batches.flatMap(({ failed }) => failed)).toEqual(
            at("fails").map((index) => ({ index, reason: `no ${index}` })),
          );
          for (const [i, { pixels, indices }] of batches.entries()) {
            if (i < batches.length - 1) expect(indices).toHaveLength(batchSize);
            expect([...pixels]).toEqual(indices.flatMap((index) => Array(12).fill(index)));
            expect(pixels.byteLength).toBe(pixels.buffer.byteLength);
          }
          expect(batches).toHaveLength(
            Math.max(Math.ceil(good.length / batchSize), photos.length > 0 ? 1 : 0),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test("decoding runs ahead, but no further than it may", async () => {
    let started = 0;
    const photos = Array.from(
      { length: 400 },
      (_, i): Fake => ({ path: "", value: i % 200, fate: "good", delay: 0 }),
    );
    const batches = decodeBatches(photos, {
      batchSize: 4,
      size: 1,
      decode: (photo, into) => {
        started++;
        return fake(photo, into);
      },
    });
    await batches.next();
    await pause(20);
    expect(started).toBeGreaterThanOrEqual(12);
    expect(started).toBeLessThanOrEqual(4 * 4 + 16);
    await batches.next();
    await pause(20);
    expect(started).toBeLessThanOrEqual(4 * 5 + 16);
    await batches.return();
    const stopped = started;
    await pause(20);
    expect(started).toBe(stopped);
  });

  test("arrays come from the pool that is given, and may be transferred", async () => {
    const sizes: number[] = [];
    const photos = Array.from(
      { length: 10 },
      (_, i): Fake => ({ path: "", value: i, fate: i === 9 ? "fails" : "good", delay: 0 }),
    );
    const allocate = (bytes: number) => {
      sizes.push(bytes);
      return new Uint8Array(bytes);
    };
    const seen: number[] = [];
    for await (const { pixels } of decodeBatches(photos, { batchSize: 4, size: 1, decode: fake, allocate })) {
      seen.push(structuredClone(pixels, { transfer: [pixels.buffer] }).length);
    }
    expect(seen).toEqual([12, 12, 3]);
    expect(sizes).toEqual([12, 12, 6, 3]);
  });

  test("a signal stops it with its reason; a consumer that leaves stops it", async () => {
    const photos = Array.from(
      { length: 100 },
      (_, i): Fake => ({ path: "", value: i, fate: "good", delay: 1 }),
    );
    const controller = new AbortController();
    let count = 0;
    const reading = (async () => {
      for await (const _ of decodeBatches(photos, {
        batchSize: 5,
        size: 1,
        decode: fake,
        signal: controller.signal,
      }))
        if (++count === 2) controller.abort(new Error("enough"));
    })();
    await expect(reading).rejects.toThrow("enough");
    expect(count).toBe(2);
    for await (const { indices } of decodeBatches(photos, { batchSize: 5, size: 1, decode: fake })) {
      expect(indices).toHaveLength(5);
      break;
    }
  });
});

describe("decodeBatches with real files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "headstart-batches-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("photos are squashed; those that cannot be decoded are named with the reason", async () => {
    const paths = ["red", "text", "lime", "gone", "blue"].map((name) => join(folder, name));
    for (const path of paths.filter((_, i) => i % 2 === 0))
      await sharp({ create: { width: 9, height: 5, channels: 3, background: path.slice(folder.length + 1) } })
        .png()
        .toFile(path);
    await writeFile(paths[1] ?? "", "text");
    const [batch, ...more] = await all(
      decodeBatches(
        paths.map((path) => ({ path })),
        { batchSize: 8, size: 4 },
      ),
    );
    expect(more).toEqual([]);
    expect(batch?.indices).toEqual([0, 2, 4]);
    expect([...(batch?.pixels ?? [])]).toEqual(
      [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
      ].flatMap((colour) => Array(16).fill(colour).flat()),
    );
    expect(batch?.failed.map(({ index, reason }) => [index, reason.split(":")[0]])).toEqual([
      [1, "The file cannot be used"],
      [3, `There is no file or folder ${paths[3]}.`],
    ]);
  });
});
