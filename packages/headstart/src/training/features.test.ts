import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { COLOURS, drawPhotos } from "../../test/support/photos.js";
import { folderWith, newFolder } from "../../test/support/temporary.js";
import { TINY_FEATURES, tinyBackbone } from "../../test/support/tiny-backbone.js";
import { type Backbone, composeFront } from "../backbones/index.js";
import { decodePhoto, FeatureStore } from "../data/index.js";
import { floats } from "../onnx/index.js";
import { Runtime } from "../runtime/index.js";
import { type ExtractOptions, extractFeatures, type FeatureFront, type FeaturePhoto } from "./features.js";

const SIZE = 16;
const runtime = Runtime.start({ threads: 1 });
const folder = newFolder();
let backbone: Backbone;
let photos: FeaturePhoto[];

const front = (): FeatureFront => ({ graph: composeFront(backbone), features: backbone.features });

beforeAll(async () => {
  backbone = await tinyBackbone(folder);
  await drawPhotos(folder, 7);
  photos = Object.keys(COLOURS).flatMap((colour) =>
    Array.from({ length: 7 }, (_, i) => {
      const name = `${colour}/${String(i + 1).padStart(2, "0")}.jpg`;
      return { name, path: join(folder, name), digest: digestOf(name) };
    }),
  );
});
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true, force: true });
});

/** A content hash for a name. */
function digestOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

function openStore(cache = folderWith({})): Promise<FeatureStore> {
  const space = { backbone: backbone.digest, size: SIZE, precision: "float32", preprocessing: "" };
  return FeatureStore.open(cache, space, { limit: 1e8 });
}

/** Options with a decoder that notes what it decodes. */
function optionsFor(store: FeatureStore, more: Partial<ExtractOptions> = {}) {
  const decoded: string[] = [];
  const options: ExtractOptions = {
    imageSize: SIZE,
    batchSize: 4,
    store,
    decode: async ({ path, digest }, into) => {
      decoded.push(digest);
      return await decodePhoto(path, { resize: "bicubic", size: SIZE, into });
    },
    ...more,
  };
  return { options, decoded };
}

const digestsOf = (some: readonly FeaturePhoto[]) => some.map(({ digest }) => digest);

describe("extractFeatures", () => {
  test("stores what the backbone makes of each photo", async () => {
    const store = await openStore();
    const { options } = optionsFor(store);
    expect(await extractFeatures(runtime, front(), photos, options)).toEqual(new Map());
    const { features, length } = await store.load(digestsOf(photos));
    expect(length).toBe(TINY_FEATURES);
    const session = await runtime.load(composeFront(backbone));
    for (const [row, { path }] of photos.entries()) {
      const { pixels } = await decodePhoto(path, { resize: "bicubic", size: SIZE });
      const image = { type: "uint8", dims: [1, SIZE, SIZE, 3], data: pixels } as const;
      const alone = floats((await session.run<"features">({ image })).features);
      const own = features.slice(row * TINY_FEATURES, (row + 1) * TINY_FEATURES);
      expect(worstDifference(own, alone)).toBe(0);
    }
    await session.close();
  });

  test("takes each different photo once, and computes nothing the second time", async () => {
    const store = await openStore();
    const copies = photos.map((photo) => ({ ...photo, name: `copy of ${photo.name}` }));
    const first = optionsFor(store);
    await extractFeatures(runtime, front(), [...photos, ...copies], first.options);
    expect(first.decoded.toSorted()).toEqual(digestsOf(photos).sort());
    const progress: number[][] = [];
    const second = optionsFor(store, { onProgress: (...step) => progress.push(step) });
    await extractFeatures(runtime, front(), copies, second.options);
    expect(second.decoded).toEqual([]);
    expect(progress).toEqual([[21, 21]]);
  });

  test("computes only what is not there yet", async () => {
    const store = await openStore();
    await extractFeatures(runtime, front(), photos.slice(0, 9), optionsFor(store).options);
    const rest = optionsFor(store);
    await extractFeatures(runtime, front(), photos, rest.options);
    expect(rest.decoded).toEqual(digestsOf(photos.slice(9)));
  });

  test("names what cannot be decoded, and counts it as done", async () => {
    const broken = folderWith({ "a.jpg": "text" });
    const bad = ["a.jpg", "b.jpg"].map((name) => ({
      name,
      path: join(broken, name),
      digest: digestOf(name),
    }));
    const progress: number[][] = [];
    const store = await openStore();
    const { options } = optionsFor(store, { onProgress: (...step) => progress.push(step) });
    const mixed = [...photos.slice(0, 3), ...bad, ...photos.slice(3)];
    const failures = await extractFeatures(runtime, front(), mixed, options);
    expect([...failures.keys()]).toEqual(digestsOf(bad));
    expect(failures.get(digestOf("a.jpg"))).toMatch(/^The file cannot be used: /);
    expect(await store.missing(digestsOf(mixed))).toEqual(digestsOf(bad));
    expect(progress[0]).toEqual([0, 23]);
    expect(progress.at(-1)).toEqual([23, 23]);
    const none = await extractFeatures(runtime, front(), bad, options);
    expect([...none.keys()]).toEqual(digestsOf(bad));
    expect(progress.at(-1)).toEqual([2, 2]);
  });

  test("remembers which photos were cut off", async () => {
    const store = await openStore();
    const { options } = optionsFor(store, {
      decode: async ({ path }, into) => {
        await decodePhoto(path, { resize: "bicubic", size: SIZE, into });
        return { truncated: path.endsWith("05.jpg") };
      },
    });
    await extractFeatures(runtime, front(), photos, options);
    const { truncated } = await store.load(digestsOf(photos));
    expect(truncated).toEqual(photos.map(({ name }) => name.endsWith("05.jpg")));
  });

  test("keeps what is done when it is interrupted, and goes on from there", async () => {
    const cache = folderWith({});
    const controller = new AbortController();
    const { options } = optionsFor(await openStore(cache), {
      batchSize: 2,
      signal: controller.signal,
      onProgress: (done) => done >= 4 && controller.abort(),
    });
    await expect(extractFeatures(runtime, front(), photos, options)).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    const again = await openStore(cache);
    const missing = await again.missing(digestsOf(photos));
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length).toBeLessThanOrEqual(21 - 4);
    const rest = optionsFor(again);
    await extractFeatures(runtime, front(), photos, rest.options);
    expect(rest.decoded).toEqual(missing);
    const whole = await openStore();
    await extractFeatures(runtime, front(), photos, optionsFor(whole).options);
    const digests = digestsOf(photos);
    expect(await again.load(digests)).toEqual(await whole.load(digests));
  });

  test("an error of the runtime comes through", async () => {
    const other = Runtime.start({ threads: 1 });
    const { options } = optionsFor(await openStore(), {
      onProgress: (done) => done > 0 && void other.close(),
    });
    await expect(extractFeatures(other, front(), photos, options)).rejects.toThrow(/closed/);
  });
});
