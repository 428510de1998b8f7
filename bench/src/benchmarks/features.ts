import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { composeFront, loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import {
  decodeBatches,
  decodePhoto,
  FeatureStore,
  scanPhotos,
} from "../../../packages/headstart/dist/data/index.js";
import { writeModel } from "../../../packages/headstart/dist/onnx/index.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { extractFeatures } from "../../../packages/headstart/dist/training/index.js";
import { headstart } from "../child.js";
import { median, type Result } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "features of new photos against decoding alone plus session.run alone; a second run against the first";

const SIZE = 224;
const BATCH = 32;
const ROUNDS = 5;

/** `first`: ratio to decoding and network measured apart; the second run's ratios are among the parts. */
export async function run([photos = DEMO_PHOTOS]: readonly string[]): Promise<Result> {
  const dataset = await scanPhotos(photos);
  const unique = [...new Map(dataset.photos.map((photo) => [photo.digest, photo])).values()];
  const backbone = await loadBackbone();
  const model = writeModel(composeFront(backbone));
  const raw = await ort.InferenceSession.create(model);
  const runtime = Runtime.start();
  const times: Record<"features" | "decoding" | "network" | "stored", number[]> = {
    features: [],
    decoding: [],
    network: [],
    stored: [],
  };

  const decodeAlone = async (): Promise<Uint8Array<ArrayBuffer>[]> => {
    const batches: Uint8Array<ArrayBuffer>[] = [];
    for await (const { pixels } of decodeBatches(unique, { batchSize: BATCH, size: SIZE }))
      batches.push(pixels);
    return batches;
  };
  const networkAlone = async (batches: readonly Uint8Array<ArrayBuffer>[]): Promise<void> => {
    for (const pixels of batches) {
      const count = pixels.byteLength / (SIZE * SIZE * 3);
      await raw.run({ image: new ort.Tensor("uint8", pixels, [count, SIZE, SIZE, 3]) });
    }
  };
  const features = async (folder: string): Promise<void> => {
    const store = await FeatureStore.open(
      folder,
      { backbone: backbone.digest, size: SIZE, precision: "float32", preprocessing: "bench" },
      { limit: 2 ** 33 },
    );
    const front = { graph: composeFront(backbone), features: backbone.features };
    await extractFeatures(runtime, front, dataset.photos, {
      imageSize: SIZE,
      batchSize: BATCH,
      decode: ({ path }, into) => decodePhoto(path, { resize: "bicubic", size: SIZE, into }),
      store,
    });
    await store.close();
  };
  const timed = async <T>(name: keyof typeof times, counted: boolean, task: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await task();
    if (counted) times[name].push(performance.now() - start);
    return result;
  };

  for (const { path } of unique) await readFile(path);
  for (let round = -1; round < ROUNDS; round++)
    await inTemporaryFolder(async (folder) => {
      const counted = round >= 0;
      const apart = async () => {
        const batches = await timed("decoding", counted, decodeAlone);
        await timed("network", counted, () => networkAlone(batches));
      };
      if (round % 2 !== 0) await apart();
      await timed("features", counted, () => features(folder));
      await timed("stored", counted, () => features(folder));
      if (round % 2 === 0) await apart();
    });
  await runtime.close();

  // The whole of `train`, in processes of their own: the first on new photos, the second on the same.
  const whole: { first: number[]; second: number[] } = { first: [], second: [] };
  for (let round = 0; round < 3; round++)
    await inTemporaryFolder(async (folder) => {
      const env = { HEADSTART_CACHE: join(folder, "cache") };
      const args = ["train", photos, "--out", join(folder, "runs"), "--json"];
      whole.first.push((await headstart(args, env)).milliseconds);
      whole.second.push((await headstart(args, env)).milliseconds);
    });

  const decoding = median(times.decoding);
  const network = median(times.network);
  return {
    name: "features",
    ratio: median(times.features) / (decoding + network),
    bar: 1.1,
    parts: {
      "photos (count)": unique.length,
      "features of new photos (ms)": median(times.features),
      "decoding alone (ms)": decoding,
      "session.run alone (ms)": network,
      "features of stored photos (ms)": median(times.stored),
      "features again / features (ratio, bar 0.2)": median(times.stored) / median(times.features),
      "train, first run (ms)": median(whole.first),
      "train, second run (ms)": median(whole.second),
      "train again / train (ratio)": median(whole.second) / median(whole.first),
    },
  };
}
