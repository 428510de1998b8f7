import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { float32, int64, type Tensor } from "../onnx/index.js";
import { writeSafetensors } from "../onnx/safetensors.js";
import {
  type Checkpoint,
  type CheckpointState,
  type EpochRow,
  loadCheckpoint,
  saveCheckpoint,
  writeResults,
  writeSteps,
} from "./checkpoint.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-checkpoint-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const row: EpochRow = {
  epoch: 1,
  stage: 1,
  imageSize: 224,
  loss: 0.1,
  accuracy: 0.9,
  validationLoss: 0.2,
  validationAccuracy: null,
  learningRate: 0.001,
};
const state: CheckpointState = {
  epoch: 1,
  stage: 0,
  epochInStage: 1,
  batch: 2,
  lossSum: 12.5,
  correctSum: 60,
  step: 7,
  bestEpoch: 1,
  bestValidationLoss: 0.2,
  bestValidationAccuracy: 0.75,
  bestImageSize: 224,
  history: [row],
};
const tensors = new Map<string, Tensor>([
  ["head.weight", float32([2, 2], [1, 2, 3, 4])],
  ["head.bias", float32([2], [0, -0])],
  ["step", int64([], [7])],
]);

const count = fc.nat(1e6);
const figure = fc.double().map((value) => (Object.is(value, -0) ? 0 : value));
const rows: fc.Arbitrary<EpochRow[]> = fc.array(
  fc.record({
    epoch: count,
    stage: count,
    imageSize: count,
    loss: figure,
    accuracy: figure,
    validationLoss: fc.option(figure),
    validationAccuracy: fc.option(figure),
    learningRate: fc.option(figure),
  }),
  { maxLength: 4 },
);
const checkpoints: fc.Arbitrary<Checkpoint> = fc.record({
  tensors: fc
    .dictionary(fc.string({ minLength: 1 }), fc.float32Array({ maxLength: 8 }))
    .map(
      (entries) =>
        new Map(
          Object.entries(entries).map(([name, values]) => [
            name,
            float32([values.length], Float32Array.from(values)),
          ]),
        ),
    ),
  state: fc.record({
    epoch: count,
    stage: count,
    epochInStage: count,
    batch: count,
    lossSum: figure,
    correctSum: count,
    step: count,
    bestEpoch: count,
    bestValidationLoss: fc.option(figure),
    bestValidationAccuracy: fc.option(figure),
    bestImageSize: count,
    history: rows,
  }),
});

describe("saveCheckpoint and loadCheckpoint", () => {
  test("what is saved comes back, also numbers that are not finite", async () => {
    await fc.assert(
      fc.asyncProperty(checkpoints, async (checkpoint) => {
        const path = join(folder, "round-trip.safetensors");
        await saveCheckpoint(path, checkpoint);
        const loaded = await loadCheckpoint(path);
        expect(loaded?.state).toEqual(checkpoint.state);
        expect(plain(loaded?.tensors)).toEqual(plain(checkpoint.tensors));
      }),
      { numRuns: 40 },
    );
  });

  test("the same checkpoint gives the same bytes, and leaves no other file behind", async () => {
    const inside = await mkdtemp(join(folder, "same-"));
    const [one, two] = [join(inside, "one"), join(inside, "two")];
    await saveCheckpoint(one, { tensors, state });
    await saveCheckpoint(two, { tensors: new Map([...tensors].reverse()), state });
    expect(await readFile(one)).toEqual(await readFile(two));
    expect((await readdir(inside)).sort()).toEqual(["one", "two"]);
  });

  test("an absent file is no checkpoint", async () => {
    expect(await loadCheckpoint(join(folder, "absent"))).toBeUndefined();
  });

  test("a file cut off anywhere, or with something else inside, is an INVALID_RUN", async () => {
    const path = join(folder, "damaged");
    await saveCheckpoint(path, { tensors, state });
    const whole = await readFile(path);
    const invalid = [
      ...[0, 7, 8, 100, whole.length - 1].map((length) => whole.subarray(0, length)),
      Buffer.from("not a checkpoint at all"),
      writeSafetensors(tensors, {}),
      writeSafetensors(tensors, { state: "{}" }),
      writeSafetensors(tensors, { state: JSON.stringify({ ...state, step: -1 }) }),
    ];
    for (const bytes of invalid) {
      await writeFile(path, bytes);
      await expect(loadCheckpoint(path)).rejects.toMatchObject({ code: "INVALID_RUN" });
    }
  });
});

describe("writeResults", () => {
  test("has a heading and a row an epoch, with all digits and empty cells for what there is none of", () => {
    expect(writeResults([row, { ...row, epoch: 2, loss: 1 / 3, learningRate: null }])).toBe(
      [
        "epoch,stage,imageSize,loss,accuracy,validationLoss,validationAccuracy,learningRate",
        "1,1,224,0.1,0.9,0.2,,0.001",
        "2,1,224,0.3333333333333333,0.9,0.2,,",
        "",
      ].join("\n"),
    );
  });

  test("can be read back number for number", () => {
    fc.assert(
      fc.property(rows, (history) => {
        const records = parse<Record<string, string>>(writeResults(history), { columns: true });
        const read = records.map((record) =>
          Object.fromEntries(
            Object.entries(record).map(([key, text]) => [key, text === "" ? null : Number(text)]),
          ),
        );
        expect(read).toEqual(history);
      }),
    );
  });
});

function plain(tensors: ReadonlyMap<string, Tensor> | undefined) {
  return [...(tensors ?? [])]
    .map(([name, { type, dims, data }]) => [name, type, dims, [...data]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

describe("writeSteps", () => {
  test("has a row for each step, in the precision that checkpoints keep", () => {
    const step = { loss: Math.fround(0.7), accuracy: 0.5, learningRate: Math.fround(1e-4) };
    expect(writeSteps([step, { ...step, loss: 2 }])).toBe(
      "step,loss,accuracy,learningRate\n1,0.7,0.5,0.0001\n2,2,0.5,0.0001\n",
    );
    expect(writeSteps([])).toBe("step,loss,accuracy,learningRate\n");
  });
});
