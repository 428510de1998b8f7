import { existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_FEATURES, tinyBackbone } from "../../test/support/tiny-backbone.js";
import { composeFront } from "../backbones/index.js";
import { drawAugmentation } from "../data/index.js";
import { float32, floats, int64, type Tensor } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { Runtime } from "../runtime/index.js";
import { affineStage } from "./augment.js";
import { loadCheckpoint } from "./checkpoint.js";
import { initialHead } from "./head.js";
import type { Recipe } from "./recipe.js";
import { RECIPES } from "./recipes.js";
import { composeStoredFront } from "./stored.js";
import { type StageData, type TrainedNetwork, type TrainOptions, trainNetwork } from "./trainer.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

const FEATURES = 6;
const CLASSES = 3;

/** Features of photos that lie around a centre for each class. */
function clusters(count: number, seed: number, spread = 0.6) {
  const centres = createRandom(0, "centres").fill(new Float32Array(CLASSES * FEATURES), (r) =>
    r.between(-1, 1),
  );
  const random = createRandom(seed, "photos");
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES);
  const values = labels.flatMap((label) =>
    Array.from(
      { length: FEATURES },
      (_, j) => (centres[label * FEATURES + j] ?? 0) + random.between(-spread, spread),
    ),
  );
  return { labels, features: float32([count, FEATURES], values) };
}

const train = clusters(25, 1);
const validation = clusters(12, 2);

const RECIPE: TrainOptions["recipe"] = {
  ...RECIPES["keras-classic"],
  augmentation: null,
  stages: [{ epochs: 4, imageSize: 32 }],
  batchSize: 8,
  optimiser: { kind: "rmsprop", learningRate: 0.02, rho: 0.9, epsilon: 1e-7 },
};

/** A stage on stored features; `asked` hears which rows each step wants. */
async function storedStage(
  features: Tensor,
  asked: (rows: readonly number[]) => void = () => {},
): Promise<StageData> {
  const stored = await runtime.hold(features);
  return {
    front: composeStoredFront(FEATURES),
    inputs: async ({ rows }) => {
      asked(rows);
      return { stored, row: int64([rows.length], rows) };
    },
    validation: validationOf(validation.features),
    close: () => runtime.drop(stored),
  };
}

/** Validation photos whose features are there, all in one batch unless it is to be smaller. */
function validationOf(features: Tensor, batchSize = features.dims[0] ?? 1): StageData["validation"] {
  const [, length = 0] = features.dims;
  return {
    batchSize,
    inputs: async (rows) => ({
      features: float32(
        [rows.length, length],
        rows.flatMap((row) => Array.from(floats(features).subarray(row * length, (row + 1) * length))),
      ),
    }),
  };
}

type Choices = Omit<Partial<TrainOptions>, "recipe"> & { readonly recipe?: Partial<Recipe> };

function options({ recipe, ...more }: Choices = {}): TrainOptions {
  return {
    seed: 7,
    features: FEATURES,
    classes: CLASSES,
    labels: train.labels,
    validationLabels: validation.labels,
    prepare: () => storedStage(train.features),
    checkpoint: join(folderWith({}), "checkpoint.safetensors"),
    initial: async () =>
      initialHead("glorot-uniform", more.features ?? FEATURES, CLASSES, createRandom(7, "initial head")),
    ...more,
    recipe: { ...RECIPE, ...recipe } as TrainOptions["recipe"],
  };
}

/** Trains, and where the run is to be interrupted, goes on from its checkpoint; `stops` are numbers of steps in all. */
async function trainWithStops(choices: TrainOptions, stops: readonly number[]): Promise<TrainedNetwork> {
  let steps = 0;
  for (const stop of stops) {
    const controller = new AbortController();
    const run = trainNetwork(runtime, {
      ...choices,
      signal: controller.signal,
      onStep: () => {
        if (++steps >= stop) controller.abort();
      },
    });
    await run.catch((error: unknown) => expect(error).toMatchObject({ code: "INTERRUPTED" }));
  }
  return await trainNetwork(runtime, choices);
}

function headOf({ values }: TrainedNetwork): { weight: Tensor; bias: Tensor } {
  const [weight, bias] = [values.get("head.weight"), values.get("head.bias")];
  if (weight === undefined || bias === undefined) throw new Error("There is no head.");
  return { weight, bias };
}

describe("trainNetwork", () => {
  test("learns, and keeps the epoch with the lowest validation loss", async () => {
    const trained = await trainNetwork(
      runtime,
      options({ recipe: { stages: [{ epochs: 12, imageSize: 32 }] } }),
    );
    const losses = trained.history.map(({ validationLoss }) => validationLoss ?? Number.NaN);
    expect(trained.history.at(-1)?.accuracy).toBeGreaterThan(0.8);
    expect(trained.history.at(-1)?.loss).toBeLessThan((trained.history[0]?.loss ?? 0) / 2);
    expect(trained.bestEpoch).toBe(losses.indexOf(Math.min(...losses)) + 1);
    expect(trained.imageSize).toBe(32);
    const { weight, bias } = headOf(trained);
    expect([weight.dims, bias.dims]).toEqual([[FEATURES, CLASSES], [CLASSES]]);
    // The head that comes back has the validation loss of its epoch.
    const [w, b, x] = [floats(weight), floats(bias), floats(validation.features)];
    const loss = validation.labels.reduce((sum, label, row) => {
      const logits = Array.from({ length: CLASSES }, (_, c) => {
        let logit = b[c] ?? 0;
        for (let i = 0; i < FEATURES; i++) logit += (x[row * FEATURES + i] ?? 0) * (w[i * CLASSES + c] ?? 0);
        return logit;
      });
      return sum + Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0)) - (logits[label] ?? 0);
    }, 0);
    expect(loss / validation.labels.length).toBeCloseTo(Math.min(...losses), 5);
  });

  test("sees every photo once an epoch, in another order each time, the last batch smaller", async () => {
    const asked: (readonly number[])[] = [];
    await trainNetwork(
      runtime,
      options({ prepare: () => storedStage(train.features, (rows) => asked.push(rows)) }),
    );
    const sizes = asked.map((rows) => rows.length);
    expect(sizes).toEqual([1, 2, 3, 4].flatMap(() => [8, 8, 8, 1]));
    const epochs = [0, 1, 2, 3].map((epoch) => asked.slice(epoch * 4, epoch * 4 + 4).flat());
    for (const rows of epochs)
      expect(rows.toSorted((a, b) => a - b)).toEqual(train.labels.map((_, row) => row));
    expect(new Set(epochs.map(String)).size).toBe(4);
  });

  test("counts the last, smaller batch by its photos", async () => {
    // A rate so small that the head stays as it starts: loss and accuracy are then those of one batch of all.
    const still = { kind: "sgd", learningRate: 1e-12 } as const;
    const recipe = { optimiser: still, dropout: 0, stages: [{ epochs: 1, imageSize: 32 }] };
    const small = await trainNetwork(runtime, options({ recipe: { ...recipe, batchSize: 8 } }));
    const whole = await trainNetwork(runtime, options({ recipe: { ...recipe, batchSize: 25 } }));
    expect(small.history[0]?.loss).toBeCloseTo(whole.history[0]?.loss ?? 0, 5);
    expect(small.history[0]?.accuracy).toBeCloseTo(whole.history[0]?.accuracy ?? 0, 10);
  });

  test("reports steps and epochs", async () => {
    const steps: unknown[] = [];
    const rows: unknown[] = [];
    const choices = options({ recipe: { stages: [{ epochs: 2, imageSize: 32 }] } });
    const { history } = await trainNetwork(runtime, {
      ...choices,
      onStep: (step) => steps.push(step),
      onEpoch: (row) => void rows.push(row),
    });
    expect(steps).toEqual(
      [1, 2].flatMap((epoch) =>
        [8, 16, 24, 25].map((done) => ({
          epoch,
          epochs: 2,
          done,
          total: 25,
          loss: done === 25 ? history[epoch - 1]?.loss : expect.any(Number),
        })),
      ),
    );
    expect(rows).toEqual(history);
    expect(history).toMatchObject([
      { epoch: 1, stage: 1, imageSize: 32, learningRate: 0.02 },
      { epoch: 2, stage: 1, imageSize: 32, learningRate: 0.02 },
    ]);
  });

  test("gives the same head for the same seed, and another for another", async () => {
    const first = await trainNetwork(runtime, options());
    expect(await trainNetwork(runtime, options())).toEqual(first);
    expect((await trainNetwork(runtime, options({ seed: 8 }))).values).not.toEqual(first.values);
  });

  test("stops early when the validation loss does not get better", async () => {
    // A rate far too large: the validation loss soon jumps about.
    const recipe = {
      earlyStopping: 2,
      dropout: 0,
      stages: [
        { epochs: 40, imageSize: 32 },
        { epochs: 40, imageSize: 48 },
      ],
      optimiser: { kind: "sgd", learningRate: 3 } as const,
    };
    const choices = options({ recipe });
    const trained = await trainNetwork(runtime, choices);
    expect(trained.history.length).toBe(trained.bestEpoch + 2);
    expect(trained.history.length).toBeLessThan(40);
    expect(await trainNetwork(runtime, choices)).toEqual(trained);
  });

  test("says so when the loss is no number any more, and keeps the last epoch", async () => {
    const photos = floats(train.features).slice();
    const choices = options({
      prepare: () => storedStage(float32([25, FEATURES], photos)),
      onEpoch: ({ epoch }) => {
        if (epoch === 2) photos.fill(Number.NaN);
      },
    });
    await trainNetwork(runtime, {
      ...choices,
      recipe: { ...choices.recipe, stages: [{ epochs: 2, imageSize: 32 }] },
    });
    await expect(trainNetwork(runtime, choices)).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: expect.stringMatching(
        /^The loss is no number any more: in epoch 3, step \d+, at a learning rate of 0\.02/,
      ),
      hint: expect.stringContaining("learning rate"),
    });
    expect((await loadCheckpoint(choices.checkpoint))?.state).toMatchObject({ epoch: 2, batch: 0, step: 8 });
  });

  test("a finished run is not trained again", async () => {
    const choices = options();
    const trained = await trainNetwork(runtime, choices);
    const prepare = () => Promise.reject(new Error("Nothing is to be prepared."));
    expect(await trainNetwork(runtime, { ...choices, prepare })).toEqual(trained);
  });

  test("an error of what prepares the photos comes through, and what was held is freed", async () => {
    let closed = 0;
    const prepare = async (): Promise<StageData> => ({
      ...(await storedStage(train.features)),
      inputs: async () => {
        throw new Error("The disk is gone.");
      },
      close: async () => void closed++,
    });
    await expect(trainNetwork(runtime, options({ prepare }))).rejects.toThrow("The disk is gone.");
    expect(closed).toBe(1);
  });
});

describe("stages", () => {
  const stages = [
    { epochs: 2, imageSize: 32 },
    { epochs: 3, imageSize: 48 },
  ];

  test("carry weights, slots, rate and best epoch over: two alike are one long one", async () => {
    const schedule = { kind: "cosine" } as const;
    const prepared: number[] = [];
    const two = await trainNetwork(
      runtime,
      options({
        recipe: { stages, schedule },
        prepare: (stage) => {
          prepared.push(stage.imageSize);
          return storedStage(train.features);
        },
      }),
    );
    const one = await trainNetwork(
      runtime,
      options({ recipe: { stages: [{ epochs: 5, imageSize: 32 }], schedule } }),
    );
    expect(prepared).toEqual([32, 48]);
    expect([two.values, two.bestEpoch]).toEqual([one.values, one.bestEpoch]);
    expect(two.history.map(({ stage, imageSize }) => [stage, imageSize])).toEqual([
      [1, 32],
      [1, 32],
      [2, 48],
      [2, 48],
      [2, 48],
    ]);
    const figures = ({ history }: TrainedNetwork) => history.map(({ stage, imageSize, ...row }) => row);
    expect(figures(two)).toEqual(figures(one));
  });

  test("the best epoch of all is kept with its image size", async () => {
    // The second stage teaches wrong labels, so the best is in the first.
    const wrong = float32(
      [25, FEATURES],
      floats(train.features).map((value) => -3 * value),
    );
    const trained = await trainNetwork(
      runtime,
      options({
        recipe: { stages },
        prepare: ({ imageSize }) => storedStage(imageSize === 32 ? train.features : wrong),
      }),
    );
    expect(trained.bestEpoch).toBeLessThanOrEqual(2);
    expect(trained.imageSize).toBe(32);
    expect(trained.history).toHaveLength(5);
  });

  test("interrupted anywhere and gone on with, the head is the same, bit for bit", async () => {
    const recipe = { stages, schedule: { kind: "one-cycle" } } as const;
    const whole = await trainNetwork(runtime, options({ recipe }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 21 }), { maxLength: 4 }), async (stops) => {
        const stopped = await trainWithStops(
          options({ recipe }),
          stops.toSorted((a, b) => a - b),
        );
        expect(stopped).toEqual(whole);
      }),
      { numRuns: 12 },
    );
  });

  test("interrupted before the first step, everything is still there", async () => {
    const choices = options({ recipe: { stages } });
    const controller = new AbortController();
    controller.abort();
    const run = trainNetwork(runtime, { ...choices, signal: controller.signal });
    await expect(run).rejects.toMatchObject({
      code: "INTERRUPTED",
      message: expect.stringContaining("epoch 1"),
    });
    expect(existsSync(choices.checkpoint)).toBe(true);
    expect(await trainNetwork(runtime, choices)).toEqual(
      await trainNetwork(runtime, options({ recipe: { stages } })),
    );
  });
});

describe("on photos", () => {
  /** Photos of one colour for each class, with noise, augmented and sent through the tiny backbone in the step itself. */
  async function photoOptions(): Promise<TrainOptions> {
    const size = 16;
    const backbone = await tinyBackbone(folderWith({}));
    const draw = (count: number, seed: number) => {
      const random = createRandom(seed, "pixels");
      return Array.from({ length: count }, (_, i) =>
        Uint8Array.from(
          { length: size * size * 3 },
          (_, at) => (at % 3 === i % 3 ? 200 : 60) + random.integer(40),
        ),
      );
    };
    const photos = draw(25, 1);
    const session = await runtime.load(composeFront(backbone));
    const data = new Uint8Array(draw(12, 2).flatMap((photo) => Array.from(photo)));
    const { features } = await session.run<"features">({
      image: { type: "uint8", dims: [12, size, size, 3], data },
    });
    await session.close();
    const { augmentation } = RECIPES["keras-classic"];
    const prepare = async (): Promise<StageData> => ({
      front: composeFront(backbone, affineStage(size)),
      inputs: async ({ rows, random }) => {
        const affine = rows.flatMap(() =>
          augmentation === null ? [] : Array.from(drawAugmentation(random, augmentation, size)),
        );
        const image = runtime.allocate(rows.length * size * size * 3);
        for (const [i, row] of rows.entries()) image.set(photos[row] ?? [], i * size * size * 3);
        return {
          image: { type: "uint8", dims: [rows.length, size, size, 3], data: image },
          affine: float32([rows.length, 2, 3], affine),
        };
      },
      validation: validationOf(features, 5),
      close: async () => undefined,
    });
    const stages = [{ epochs: 6, imageSize: size }];
    return options({ prepare, features: TINY_FEATURES, recipe: { augmentation, stages } });
  }

  test("learns, and an interrupted run ends in the same head", async () => {
    const choices = await photoOptions();
    const whole = await trainNetwork(runtime, choices);
    expect(whole.history.at(-1)?.validationAccuracy).toBe(1);
    expect(whole.history.at(-1)?.loss).toBeLessThan(whole.history[0]?.loss ?? 0);
    expect(await trainWithStops(await photoOptions(), [2, 9, 15])).toEqual(whole);
  });
});
