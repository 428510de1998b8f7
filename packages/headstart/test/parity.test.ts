import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { decodePhoto } from "../src/data/index.js";
import { Classifier, type TrainOptions, train } from "../src/index.js";
import { shared } from "./support/shared.js";
import { newFolder } from "./support/temporary.js";

const work = newFolder();
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What the library and the bare file say about the same photos, and how far apart they are. */
interface Parity {
  readonly photos: number;
  /** Photos with the same most probable class. */
  readonly agree: number;
  /** Mean difference of the most probable class's probability. */
  readonly mean: number;
  readonly largest: number;
}

/** Asks `classify` with files, `predict` with one file at a time, and the bare model with every pixel of the photo. */
async function compare(model: string, files: readonly string[]): Promise<Parity> {
  const classifier = await Classifier.load(model, { threads: 2 });
  const bare = await ort.InferenceSession.create(model, { intraOpNumThreads: 2 });
  let [photos, agree, sum, largest] = [0, 0, 0, 0];
  for await (const answer of classifier.classify(files)) {
    if ("reason" in answer) throw new Error(answer.reason);
    const file = files[answer.index] ?? "";
    const [best] = classifier.ranked(answer.probabilities, 1);
    // One at a time is no different from many at once.
    if (photos % 8 === 0) {
      const alone = await classifier.predict(file, { top: 1 });
      expect(alone.className).toBe(best.className);
      expect(alone.probability).toBeCloseTo(best.probability, 5);
    }
    const { pixels, width, height } = await decodePhoto(file, { resize: "none" });
    const image = new ort.Tensor("uint8", pixels, [1, height, width, 3]);
    const { probabilities } = await bare.run({ image }, ["probabilities"]);
    const [other] = classifier.ranked(probabilities?.data as Float32Array, 1);
    const difference = Math.abs(best.probability - other.probability);
    photos++;
    agree += Number(other.className === best.className);
    sum += difference;
    largest = Math.max(largest, difference);
  }
  await bare.release();
  await classifier.close();
  return { photos, agree, mean: sum / photos, largest };
}

/** Photos in a folder and the folders inside, by their paths from there. */
function photosIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.filter((file) => /\.(jpe?g|png)$/i.test(file)).sort();
}

function expectParity({ photos, agree, mean }: Parity): void {
  expect(agree / photos).toBeGreaterThanOrEqual(0.995);
  expect(mean).toBeLessThanOrEqual(0.005);
}

/** Draws a smooth picture with a texture in it: waves that run across, down or in rings, in colours of their own. */
async function drawWaves(path: string, kind: number, number: number): Promise<void> {
  const [width, height] = [160 + ((number * 97) % 420), 140 + ((number * 61) % 380)];
  const length = 14 + ((number * 7) % 40);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const along = kind === 0 ? x : kind === 1 ? y : Math.hypot(x - width / 2, y - height / 2);
      const wave = Math.sin((2 * Math.PI * along) / length);
      for (let channel = 0; channel < 3; channel++) {
        const slow = Math.sin((x + y) / 90 + channel * (1 + (number % 5)));
        data[(y * width + x) * 3 + channel] = 128 + 60 * wave + 45 * slow;
      }
    }
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  await (number % 3 === 0 ? picture.png() : picture.jpeg({ quality: 90 })).toFile(path);
}

describe("the library and the bare file give the same answers", () => {
  const photos = join(work, "waves");
  const files: string[] = [];
  const options = { out: join(work, "runs"), threads: 2, report: false } as const;

  test.each<[string, TrainOptions]>([
    ["default", {}],
    ["keras-classic", { stages: "2@96", batchSize: 8, learningRate: 0.01 }],
  ])("on drawn photos: %s", async (recipe, choices) => {
    if (files.length === 0)
      for (const [kind, name] of ["across", "down", "rings"].entries()) {
        mkdirSync(join(photos, name), { recursive: true });
        for (let number = 0; number < 12; number++) {
          files.push(join(photos, name, `${number}.${number % 3 === 0 ? "png" : "jpg"}`));
          await drawWaves(files.at(-1) ?? "", kind, number);
        }
      }
    const { model } = await train(photos, { ...options, ...choices, recipe });
    const parity = await compare(model, files);
    expect(parity.photos).toBe(36);
    expectParity(parity);
    // Nearest-neighbour resizing is the same graph in training and in the model.
    if (recipe === "keras-classic") expect(parity.largest).toBeLessThan(1e-5);
  });

  test.for([
    ["hymenoptera", "train", 1, "val"],
    ["monkeys", "training", 8, "validation"],
  ] as const)(
    "on ../shared/photos/%s, where it is there",
    { timeout: 120_000 },
    async ([name, training, every, validation], { skip }) => {
      const folder = shared(`photos/${name}`);
      if (folder === undefined) return skip("needs ../shared");
      // Some of the photos, to be done in time.
      const own = join(work, name);
      const files: string[] = [];
      for (const [split, step] of [
        [training, every],
        [validation, 3],
      ] as const)
        for (const file of photosIn(join(folder, split)).filter((_, index) => index % step === 0)) {
          cpSync(join(folder, split, file), join(own, split, file));
          if (split === validation) files.push(join(own, split, file));
        }
      const run = await train(own, options);
      expect(run.metrics.validation.accuracy).toBeGreaterThan(0.9);
      const parity = await compare(run.model, files);
      expect(parity.photos).toBe(run.metrics.validation.photos);
      expectParity(parity);
    },
  );
});
