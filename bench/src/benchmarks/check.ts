import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { composeFront, loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import { decodePhoto, FeatureStore, scanLabelled } from "../../../packages/headstart/dist/data/index.js";
import { cacheFolder } from "../../../packages/headstart/dist/files.js";
import { checkPhotos } from "../../../packages/headstart/dist/run/check.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { extractFeatures } from "../../../packages/headstart/dist/training/index.js";
import { median, type Result, ratio, runs } from "../measure.js";
import { generatePhotos } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "check on 20,000 photos whose features are stored, against 60 seconds and 1.5 GB; cold against the features alone";

const PHOTOS = 20_000;
const SIZE = 128;
const LIMIT = 60_000;
const MEMORY_LIMIT = 1.5e9;
const COLD_LIMIT = 1.15;
const ROUNDS = 3;
const MONKEYS = fileURLToPath(new URL("../../../../shared/photos/monkeys", import.meta.url));
const IMAGE_SIZE = 224;

/** `[count]`: how many photos are generated. Three bars; the ratio is the one that comes nearest to its bar, or farthest beyond. */
export async function run([count = String(PHOTOS)]: readonly string[]): Promise<Result> {
  const photos = Number(count);
  const parts: Record<string, number> = {};
  return await inTemporaryFolder(async (folder) => {
    // Cold: photos as they come from a camera, in turns with their features alone, each with an empty cache.
    let round = 0;
    const fresh = async (task: () => Promise<unknown>) => {
      process.env.HEADSTART_CACHE = join(folder, `cold-${round++}`);
      await task();
    };
    const cold = await runs(
      () => fresh(() => checkPhotos(MONKEYS)),
      () => fresh(() => featuresAlone(MONKEYS)),
      { rounds: ROUNDS },
    );
    parts["monkeys, check cold (ms)"] = median(cold.measured);
    parts["monkeys, features alone (ms)"] = median(cold.reference);

    await generatePhotos(join(folder, "photos"), photos, SIZE);
    process.env.HEADSTART_CACHE = join(folder, "cache");
    const [first, again] = [
      await timed(() => checkPhotos(join(folder, "photos"))),
      await timed(() => checkPhotos(join(folder, "photos"))),
    ];
    const peak = process.resourceUsage().maxRSS * 1024;
    parts[`${photos} photos, check cold (ms)`] = first;
    parts[`${photos} photos, check with features stored (ms)`] = again;
    parts["peak memory (MB)"] = peak / 1e6;
    parts["stored / 60 seconds (ratio, bar 1)"] = again / LIMIT;
    parts["peak memory / 1.5 GB (ratio, bar 1)"] = peak / MEMORY_LIMIT;
    parts["cold / features alone (ratio, bar 1.15)"] = ratio(cold);
    return {
      name: "check",
      ratio: Math.max(again / LIMIT, peak / MEMORY_LIMIT, ratio(cold) / COLD_LIMIT),
      bar: 1,
      parts,
    };
  });
}

async function timed(task: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}

/** What `train` does before it trains: photos are found, decoded and sent through the backbone, and their features are stored. */
async function featuresAlone(photos: string): Promise<void> {
  const { photos: found } = await scanLabelled(photos);
  const backbone = await loadBackbone();
  const runtime = Runtime.start();
  const store = await FeatureStore.open(
    cacheFolder(),
    { backbone: backbone.digest, size: IMAGE_SIZE, precision: "float32", preprocessing: "bench" },
    { limit: 2 ** 33 },
  );
  const front = { graph: composeFront(backbone), features: backbone.features };
  await extractFeatures(runtime, front, found, {
    imageSize: IMAGE_SIZE,
    batchSize: 32,
    decode: ({ path }, into) => decodePhoto(path, { resize: "bicubic", size: IMAGE_SIZE, into }),
    store,
  });
  await store.close();
  await runtime.close();
}
