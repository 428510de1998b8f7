import * as ort from "onnxruntime-node";
import {
  type Backbone,
  composeFront,
  int8Backbone,
  loadBackbone,
} from "../../../packages/headstart/dist/backbones/index.js";
import {
  decodeBatches,
  decodePhoto,
  type Photo,
  scanPhotos,
} from "../../../packages/headstart/dist/data/index.js";
import { type Tensor, uint8, writeModel } from "../../../packages/headstart/dist/onnx/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { fitLinearHead, type LabelledFeatures } from "../../../packages/headstart/dist/training/index.js";
import { median, type Result, runs } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";

export const summary = "a backbone in int8 against the same in float; how well features and classes agree";

const BATCH = 16;
const CALIBRATION = 128;
const ROUNDS = 9;

/**
 * Calibrates on 128 training photos, times both networks in turn, and compares features and the accuracy of logistic regression on the photos that
 * are not for training.
 */
export async function run([photos = DEMO_PHOTOS, choice]: readonly string[]): Promise<Result> {
  const backbone = await loadBackbone(choice);
  const dataset = await scanPhotos(photos);
  // By the order of their content hashes, which has nothing to do with what is on them.
  const all = dataset.photos.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const train = all.filter(({ split }) => split === "train");
  const held = all.filter(({ split }) => split !== "train");
  const runtime = Runtime.start();
  const calibration: Tensor[] = [];
  for await (const { image } of decoded(train.slice(0, CALIBRATION + BATCH), backbone.imageSize))
    calibration.push(image);
  const start = performance.now();
  const { backbone: int8, report } = await int8Backbone(runtime, backbone, calibration);
  const making = performance.now() - start;

  const [image] = calibration;
  if (image === undefined) throw new Error("There are no photos.");
  const times = await compare(backbone, int8, image);
  const features = {
    float: await featuresOf(runtime, backbone, all),
    int8: await featuresOf(runtime, int8, all),
  };
  const cosines = held.map(({ digest }) =>
    cosine(features.float.get(digest) ?? [], features.int8.get(digest) ?? []),
  );
  const accuracy = async (which: "float" | "int8") => {
    const rows = (some: readonly Photo[]) =>
      labelled(some, dataset.classes, features[which], backbone.features);
    return await headAccuracy(runtime, rows(train), rows(held), backbone.features, dataset.classes.length);
  };
  const [inFloat, inInt8] = [await accuracy("float"), await accuracy("int8")];
  await runtime.close();
  const each = image.dims[0] ?? 1;
  return {
    name: "int8",
    ratio: median(times.measured) / median(times.reference),
    bar: 0.5,
    parts: {
      "int8 (ms a photo)": median(times.measured) / each,
      "float (ms a photo)": median(times.reference) / each,
      "cosine of held-out features, mean": cosines.reduce((sum, one) => sum + one, 0) / cosines.length,
      "cosine of held-out features, least": Math.min(...cosines),
      "held-out photos (count)": held.length,
      "logistic regression in float (%)": 100 * inFloat,
      "logistic regression in int8 (%)": 100 * inInt8,
      "float file (MB)": report.bytes.float / 1e6,
      "int8 file (MB)": report.bytes.int8 / 1e6,
      "layers left in float (count)": report.float.length,
      "making it of 128 photos, all included (ms)": making,
    },
  };
}

async function* decoded(
  photos: readonly Photo[],
  size: number,
): AsyncGenerator<{ image: Tensor; indices: readonly number[] }> {
  const batches = decodeBatches(photos, {
    batchSize: BATCH,
    size,
    decode: ({ path }, into) => decodePhoto(path, { resize: "bicubic", size, into }),
  });
  for await (const { pixels, indices } of batches)
    if (indices.length > 0) yield { image: uint8([indices.length, size, size, 3], pixels), indices };
}

async function compare(float: Backbone, int8: Backbone, image: Tensor) {
  const feeds = { image: new ort.Tensor("uint8", image.data, image.dims) };
  const load = (backbone: Backbone) => ort.InferenceSession.create(writeModel(composeFront(backbone)));
  const [first, second] = [await load(int8), await load(float)];
  return await runs(
    () => first.run(feeds),
    () => second.run(feeds),
    { rounds: ROUNDS, warmup: 2 },
  );
}

/** Features of photos by content hash. */
async function featuresOf(
  runtime: Runtime,
  backbone: Backbone,
  photos: readonly Photo[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const session = await runtime.load(composeFront(backbone));
  const found = new Map<string, Float32Array>();
  for await (const { image, indices } of decoded(photos, backbone.imageSize)) {
    const { features } = await session.run<"features">({ image });
    const values = new Float32Array(features.data.slice().buffer);
    for (const [row, index] of indices.entries())
      found.set(
        photos[index]?.digest ?? "",
        values.subarray(row * backbone.features, (row + 1) * backbone.features),
      );
  }
  await session.close();
  return found;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, x, y] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [p, q] = [a[i] ?? 0, b[i] ?? 0];
    dot += p * q;
    x += p * p;
    y += q * q;
  }
  return dot / Math.sqrt(x * y);
}

function labelled(
  photos: readonly Photo[],
  classes: readonly string[],
  features: ReadonlyMap<string, Float32Array>,
  count: number,
): LabelledFeatures {
  const own = photos.filter(({ digest }) => features.has(digest));
  return {
    count: own.length,
    labels: own.map(({ className }) => classes.indexOf(className)),
    digests: own.map(({ digest }) => digest),
    read: async (rows) => {
      const values = new Float32Array(rows.length * count);
      for (const [i, row] of rows.entries())
        values.set(features.get(own[row]?.digest ?? "") ?? [], i * count);
      return values;
    },
  };
}

async function headAccuracy(
  runtime: Runtime,
  train: LabelledFeatures,
  held: LabelledFeatures,
  features: number,
  classes: number,
): Promise<number> {
  let accuracy = Number.NaN;
  await fitLinearHead(runtime, train, held, {
    features,
    classes,
    l2: "cross-validated",
    iterations: 300,
    random: createRandom("folds"),
    onProgress: (progress) => {
      if (progress.kind === "iteration") accuracy = progress.validationAccuracy ?? accuracy;
    },
  });
  return accuracy;
}
