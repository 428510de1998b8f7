import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { composeFront, loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import { drawAugmentation, PhotoLoader, scanPhotos } from "../../../packages/headstart/dist/data/index.js";
import { type EpochRow, train } from "../../../packages/headstart/dist/index.js";
import { float32, floats, int64, writeSafetensors } from "../../../packages/headstart/dist/onnx/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import {
  affineStage,
  drawDropoutMask,
  initialHead,
  RECIPES,
} from "../../../packages/headstart/dist/training/index.js";
import type { Result } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";
import { python } from "../python.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "the training loss of keras-classic against Keras on the same views: PYTHON names an interpreter with peers/requirements.txt";

const SEED = 0;

/** The ratio is the largest of our epochs' losses over Keras's, or the other way round. */
export async function run([photos = DEMO_PHOTOS, epochs = "5"]: readonly string[]): Promise<Result> {
  const recipe = RECIPES["keras-classic"];
  const stages = [{ epochs: Number(epochs), imageSize: 224 }];
  return await inTemporaryFolder(async (folder) => {
    const history: EpochRow[] = [];
    await train(photos, {
      recipe,
      stages,
      seed: SEED,
      out: join(folder, "runs"),
      onProgress: (progress) => {
        if (progress.kind === "epoch") history.push(progress.row);
      },
    });
    const file = join(folder, "views.safetensors");
    await writeFile(file, await views(photos, Number(epochs)));
    const printed = await python("keras_head.py", [file, String(recipe.batchSize)]);
    const theirs = JSON.parse(printed.trim().split("\n").at(-1) ?? "[]") as number[];
    const ratios = history.map(({ loss }, i) => loss / (theirs[i] ?? Number.NaN));
    const worst = Math.max(...ratios.map((ratio) => Math.max(ratio, 1 / ratio)));
    return {
      name: "keras-head",
      ratio: worst,
      parts: Object.fromEntries(
        history.flatMap(({ epoch, loss }, i) => [
          [`epoch ${epoch}, loss here`, loss],
          [`epoch ${epoch}, loss in Keras`, theirs[i] ?? Number.NaN],
        ]),
      ),
    };
  });
}

/** What the head was given in every step of such a run, drawn again from the seed as the trainer draws it. */
async function views(photos: string, epochs: number): Promise<Uint8Array> {
  const recipe = RECIPES["keras-classic"];
  const size = recipe.stages[0]?.imageSize ?? 224;
  const dataset = await scanPhotos(photos, { seed: SEED });
  const own = dataset.photos.filter(({ split }) => split === "train");
  const backbone = await loadBackbone();
  const D = backbone.features;
  const runtime = Runtime.start();
  const loader = await PhotoLoader.create(runtime, size, recipe.resize);
  const session = await runtime.load(composeFront(backbone, affineStage(size)));
  const features = new Float32Array(epochs * own.length * D);
  const masks = new Float32Array(epochs * own.length * D);
  const labels: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = createRandom(SEED, "order", epoch).shuffle(own.map((_, row) => row));
    for (let batch = 0; batch * recipe.batchSize < order.length; batch++) {
      const rows = order.slice(batch * recipe.batchSize, (batch + 1) * recipe.batchSize);
      const random = createRandom(SEED, "augmentation", epoch, batch);
      const affine = new Float32Array(rows.length * 6);
      const pixels = new Uint8Array(rows.length * size * size * 3);
      for (const [i, row] of rows.entries()) {
        const photo = own[row];
        if (photo === undefined || recipe.augmentation === null) continue;
        affine.set(drawAugmentation(random, recipe.augmentation, size), i * 6);
        await loader.load(
          await readFile(photo.path),
          pixels.subarray(i * size * size * 3, (i + 1) * size * size * 3),
        );
        labels.push(dataset.classes.indexOf(photo.className));
      }
      const at = (epoch * own.length + batch * recipe.batchSize) * D;
      const found = await session.run<"features">({
        image: { type: "uint8", dims: [rows.length, size, size, 3], data: pixels },
        affine: float32([rows.length, 2, 3], affine),
      });
      features.set(floats(found.features), at);
      drawDropoutMask(
        createRandom(SEED, "dropout", epoch, batch),
        masks.subarray(at, at + rows.length * D),
        recipe.dropout,
      );
    }
  }
  await runtime.close();
  const head = initialHead(recipe.initial, D, dataset.classes.length, createRandom(SEED, "initial head"));
  const shape = [epochs, own.length, D];
  const weight = head.get("head.weight");
  const bias = head.get("head.bias");
  if (weight === undefined || bias === undefined) throw new Error("The head has no weights.");
  return writeSafetensors(
    new Map([
      ["features", float32(shape, features)],
      ["dropout_mask", float32(shape, masks)],
      ["label", int64([epochs, own.length], labels)],
      ["weight", weight],
      ["bias", bias],
    ]),
  );
}
