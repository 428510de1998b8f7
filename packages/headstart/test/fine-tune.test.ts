import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Classifier,
  findLearningRate,
  type Progress,
  RECIPES,
  resume,
  type TrainOptions,
  train,
} from "../src/index.js";
import { readModel } from "../src/onnx/index.js";
import { drawPhotos } from "./support/photos.js";
import { writeResidualBackbone } from "./support/residual-backbone.js";
import { newFolder } from "./support/temporary.js";

const work = newFolder();
const photos = join(work, "photos");
const out = join(work, "runs");
let backbone = "";
let base: TrainOptions = {};

beforeAll(async () => {
  process.env.HEADSTART_CACHE = join(work, "cache");
  await drawPhotos(photos, 16);
  backbone = writeResidualBackbone(work);
  base = {
    out,
    report: false,
    backbone,
    threads: 2,
    stages: "3@32",
    batchSize: 8,
    precision: "float",
    seed: 3,
  };
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const modelOf = (folder: string) => readModel(new Uint8Array(readFileSync(join(folder, "model.onnx"))));
const stepsOf = (folder: string): Record<string, string>[] =>
  parse(readFileSync(join(folder, "steps.csv"), "utf8"), { columns: true });

/** Which of the network's weights are not as they were. */
async function moved(folder: string): Promise<string[]> {
  const before = readModel(new Uint8Array(readFileSync(backbone))).initializers;
  const after = modelOf(folder).initializers;
  return [...before.keys()].filter((name) => {
    const own = after.get(name);
    return own !== undefined && Buffer.compare(own.data, before.get(name)?.data ?? new Uint8Array()) !== 0;
  });
}

const WAYS: Readonly<Record<string, TrainOptions>> = {
  "last stage, stored activations": { fineTune: "last-stage" },
  "last stage, augmented": { fineTune: "last-stage", augmentation: "light" },
  "last stage, stored views": { fineTune: "last-stage", augmentation: "standard", views: 2 },
  "every layer": { fineTune: "all" },
  "every layer, photos as they are": { fineTune: "all", augmentation: "none" },
  "every layer, mixed, gradients added up": { fineTune: "all", mixup: 0.2, cutmix: 1, accumulate: 2 },
  "from a layer on, activations computed twice": { fineTune: "stage1", checkpointActivations: true },
  "the head, stored views": { recipe: "keras-classic", views: 2 },
  "the head, mixed photos": { recipe: "keras-classic", mixup: 0.2 },
  "statistics of the batch": { fineTune: "all", batchNorm: "train" },
};

describe.each(Object.entries(WAYS))("%s", (_, choices) => {
  test("trains, stops where asked, and goes on to the same bytes", async () => {
    const options = { ...base, ...choices, learningRate: 3e-3 };
    const whole = await train(photos, { ...options, ema: 0 });
    // A head that is solved is right from the beginning on; one that starts at random has hardly begun.
    if (choices.recipe === undefined) expect(whole.metrics.validation.accuracy).toBe(1);
    expect(stepsOf(whole.folder).length).toBe(3 * Math.ceil(Math.ceil(33 / 8) / (choices.accumulate ?? 1)));
    let folder = "";
    const controller = new AbortController();
    const onProgress = (progress: Progress) => {
      if (progress.kind === "found") folder = progress.folder;
      if (
        progress.kind === "progress" &&
        progress.phase === "training" &&
        progress.detail.startsWith("epoch 2")
      )
        controller.abort();
    };
    await expect(
      train(photos, { ...options, ema: 0, signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
    const run = await resume(folder, { report: false });
    expect(readFileSync(run.model).equals(readFileSync(whole.model))).toBe(true);
    for (const file of ["results.csv", "steps.csv"])
      expect(readFileSync(join(folder, file), "utf8")).toBe(readFileSync(join(whole.folder, file), "utf8"));
  });
});

/** A head that starts at random, so that training is better than the beginning, whatever the network makes of the photos. */
async function fromScratch(choices: TrainOptions) {
  const recipe = { ...RECIPES["last-stage"], initial: "glorot-uniform", monitor: "loss", ema: null } as const;
  return await train(photos, { ...base, recipe, learningRate: 0.01, ...choices });
}

describe("what trains", () => {
  test("is what was asked for, and no more", async () => {
    const last = await moved((await fromScratch({ fineTune: "last-stage" })).folder);
    const [scale, shift, weight] = ["scale", "shift", "weight"];
    const layer = (name: string) => [scale, shift, weight].map((kind) => `${name}.${kind}`);
    expect(last.sort()).toEqual(["stage2.a", "stage2.b", "stage2.short"].flatMap(layer));
    const all = await moved((await fromScratch({ fineTune: "all" })).folder);
    expect(all.sort()).toEqual(
      ["stage1.a", "stage1.b", "stage2.a", "stage2.b", "stage2.short", "stem"].flatMap(layer),
    );
    const none = await moved((await fromScratch({ fineTune: "head" })).folder);
    expect(none).toEqual([]);
  });

  test("with batch normalisation by the batch, the running statistics move too", async () => {
    const names = await moved((await fromScratch({ fineTune: "last-stage", batchNorm: "train" })).folder);
    expect(names).toContain("stage2.a.mean");
    expect(names).toContain("stage2.b.variance");
    expect(names).not.toContain("stage1.a.mean");
  });

  test("may stand behind an int8 trunk: the model answers as it was measured", async () => {
    const run = await fromScratch({ fineTune: "last-stage", precision: "int8", stages: "6@32" });
    expect(modelOf(run.folder).nodes.some(({ op }) => op === "QuantizeLinear")).toBe(true);
    expect(run.metrics.train.accuracy).toBeGreaterThan(0.9);
    const classifier = await Classifier.load(run.model);
    const files = ["cat", "dog", "fox"].map((name) => join(photos, name, "01.jpg"));
    const answers = await Promise.all(files.map((file) => classifier.predict(file)));
    expect(answers.filter(({ className }, i) => files[i]?.includes(`/${className}/`)).length).toBeGreaterThan(
      1,
    );
    await classifier.close();
  });
});

describe("what cannot be meant", () => {
  test.each<[string, TrainOptions, RegExp]>([
    ["a layer that is not there", { fineTune: "stagge2" }, /no layer/i],
    ["int8 where nothing is frozen", { fineTune: "all", precision: "int8" }, /every layer trains/],
    ["fine-tuning a head that is solved", { recipe: "default", fineTune: "all" }, /L-BFGS/],
  ])("%s is refused, and no folder is left", async (_, choices, message) => {
    const before = readdirSync(out);
    await expect(train(photos, { ...base, ...choices })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(message),
    });
    expect(readdirSync(out)).toEqual(before);
  });
});

test("a loss that is no number stops the run with step, rate and what to try; the last epoch is kept", async () => {
  let folder = "";
  const onProgress = (progress: Progress) => {
    if (progress.kind === "found") folder = progress.folder;
  };
  const recipe = {
    ...RECIPES["fine-tune"],
    optimiser: { kind: "sgd", learningRate: 1000 },
    schedule: { kind: "constant" },
    clipNorm: null,
  } as const;
  await expect(train(photos, { ...base, recipe, onProgress })).rejects.toMatchObject({
    code: "INVALID_DATA",
    message: expect.stringMatching(/epoch \d, step \d+, at a learning rate of \d/),
    hint: expect.stringMatching(/ten times smaller.*lr-find.*--clip-norm/),
  });
  expect(existsSync(join(folder, "metrics.json"))).toBe(false);
});

test("a run that is killed goes on to the same bytes", async () => {
  const options = { ...base, fineTune: "last-stage", augmentation: "light", stages: "6@32" } as const;
  const whole = await train(photos, { ...options, name: "whole" });
  const script = `
    const { train } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
    await train(${JSON.stringify(photos)}, { ...${JSON.stringify({ ...options, name: "killed" })},
      onProgress: (progress) => { if (progress.kind === "epoch" && progress.row.epoch === 3) process.kill(process.pid, "SIGKILL"); } });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
  const run = await resume(join(out, "killed"), { report: false });
  expect(readFileSync(run.model).equals(readFileSync(whole.model))).toBe(true);
});

describe("findLearningRate", () => {
  test("sweeps, suggests and draws", async () => {
    const picture = join(work, "rates.png");
    const phases: string[] = [];
    const { suggestion, points, recipeRate } = await findLearningRate(photos, {
      backbone,
      fineTune: "head",
      stages: "1@32",
      batchSize: 16,
      steps: 60,
      threads: 2,
      out: picture,
      onProgress: (progress) => void (progress.kind === "progress" && phases.push(progress.phase)),
    });
    expect(points.length).toBeGreaterThan(20);
    expect(points[0]?.learningRate).toBe(1e-7);
    expect(suggestion).toBeGreaterThan(1e-5);
    expect(suggestion).toBeLessThan(1);
    expect(recipeRate).toBe(0.001);
    expect(new Set(phases)).toContain("trying learning rates");
    expect((await sharp(picture).metadata()).format).toBe("png");
  });

  test("refuses a recipe without a learning rate", async () => {
    await expect(findLearningRate(photos, { recipe: "default" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("L-BFGS"),
    });
  });
});
