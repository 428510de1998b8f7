import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { composeFront, loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import { drawAugmentation, PhotoLoader, scanPhotos } from "../../../packages/headstart/dist/data/index.js";
import { train } from "../../../packages/headstart/dist/index.js";
import { writeModel } from "../../../packages/headstart/dist/onnx/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { affineStage, RECIPES } from "../../../packages/headstart/dist/training/index.js";
import { median, type Result } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "an epoch of keras-classic after the first against session.run of augmentation and backbone";

const ROUNDS = 5;

/** One epoch of `train` is counted in each round, the third; the first two warm up. */
export async function run([size = "224"]: readonly string[]): Promise<Result> {
  const imageSize = Number(size);
  const recipe = RECIPES["keras-classic"];
  const backbone = await loadBackbone();
  const dataset = await scanPhotos(DEMO_PHOTOS);
  const photos = dataset.photos.filter(({ split }) => split === "train");
  const raw = await ort.InferenceSession.create(writeModel(composeFront(backbone, affineStage(imageSize))));

  const runtime = Runtime.start();
  const loader = await PhotoLoader.create(runtime, imageSize, recipe.resize);
  const random = createRandom("bench");
  const batches: Record<"image" | "affine", ort.Tensor>[] = [];
  for (let start = 0; start < photos.length; start += recipe.batchSize) {
    const batch = photos.slice(start, start + recipe.batchSize);
    const bytes = imageSize * imageSize * 3;
    const pixels = new Uint8Array(batch.length * bytes);
    const affine = new Float32Array(batch.length * 6);
    for (const [i, { path }] of batch.entries()) {
      await loader.load(path, pixels.subarray(i * bytes, (i + 1) * bytes));
      if (recipe.augmentation !== null)
        affine.set(drawAugmentation(random, recipe.augmentation, imageSize), i * 6);
    }
    batches.push({
      image: new ort.Tensor("uint8", pixels, [batch.length, imageSize, imageSize, 3]),
      affine: new ort.Tensor("float32", affine, [batch.length, 2, 3]),
    });
  }
  await runtime.close();

  const rawEpoch = async (): Promise<number> => {
    const start = performance.now();
    for (const inputs of batches) await raw.run(inputs);
    return performance.now() - start;
  };
  const times = { epoch: [] as number[], raw: [] as number[] };
  await inTemporaryFolder(async (folder) => {
    process.env.HEADSTART_CACHE = join(folder, "cache");
    await rawEpoch();
    for (let round = 0; round < ROUNDS; round++) {
      const ends: number[] = [];
      const once = async () => {
        await train(DEMO_PHOTOS, {
          recipe: "keras-classic",
          stages: [{ epochs: 3, imageSize }],
          out: join(folder, "runs"),
          onProgress: (progress) => {
            if (progress.kind === "epoch") ends.push(performance.now());
          },
        });
        times.epoch.push((ends[2] ?? 0) - (ends[1] ?? 0));
      };
      if (round % 2 === 0) await once();
      times.raw.push(await rawEpoch());
      if (round % 2 !== 0) await once();
    }
  });
  return {
    name: "epoch",
    ratio: median(times.epoch) / median(times.raw),
    bar: 1.08,
    parts: {
      "photos (count)": photos.length,
      "image size (pixels)": imageSize,
      "epoch (ms)": median(times.epoch),
      "session.run of augmentation and backbone (ms)": median(times.raw),
    },
  };
}
