import { join } from "node:path";
import { expect, test } from "vitest";
import { KERAS_SIZE, writeKerasClassifier } from "../../test/support/keras-model.js";
import { folderWith } from "../../test/support/temporary.js";
import {
  TINY_DESCRIPTION,
  TINY_FEATURES,
  tinyClassifier,
  writeBackbone,
} from "../../test/support/tiny-backbone.js";
import type { Backbone } from "../backbones/index.js";
import { float32, type Graph, GraphBuilder, writeModel } from "../onnx/index.js";
import { composeClassifier } from "./compose.js";
import type { Provenance } from "./provenance.js";
import { summarise } from "./summary.js";

const zeros = (...dims: number[]) =>
  float32(dims, new Float32Array(dims.reduce((product, dim) => product * dim, 1)));

/** A convolution, batch normalisation, ReLU6 and pooling, whose names collide with the head's. */
function tinyGraph(): Graph {
  const b = new GraphBuilder("tiny");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const weight = b.constant("head.weight", zeros(8, 3, 3, 3));
  const conv = b.node("Conv", [image, weight], { pads: [1, 1, 1, 1], strides: [2, 2] }, { name: "conv" });
  const statistics = ["scale", "head.bias", "mean", "var"].map((name) => b.constant(name, zeros(8)));
  const normalised = b.node("BatchNormalization", [conv, ...statistics], {}, { name: "bn" });
  const clipped = b.node("Clip", [normalised, b.scalar(0), b.scalar(6)], {}, { name: "relu6" });
  const pooled = b.node("GlobalAveragePool", [clipped], {}, { name: "pool" });
  b.output("features", "float32", ["N", 8], b.node("Flatten", [pooled], {}, { name: "flat" }));
  return b.build();
}

const backbone: Backbone = {
  choice: "tiny.onnx",
  name: "tiny",
  file: "tiny.onnx",
  digest: "0".repeat(64),
  graph: tinyGraph(),
  tensor: "features",
  features: 8,
  reason: "",
  parameters: 0,
  preprocessing: { channels: "BGR", mean: [104, 117, 124], std: [1, 2, 3] },
  preparation: "as a test says",
  precision: "float32",
  imageSize: 32,
  minimumImageSize: 32,
  licence: "Apache-2.0",
  source: "a test",
  top1: undefined,
  classes: undefined,
};

const provenance: Provenance = {
  format: 1,
  version: "0.1.0",
  classes: ["cat", "dog", "fox"],
  imageSize: 32,
  resize: "bicubic",
  backbone: {
    name: "tiny",
    sha256: "0".repeat(64),
    licence: "Apache-2.0",
    source: "a test",
    precision: "float32",
  },
  recipe: "default",
  seed: 0,
  metrics: {} as Provenance["metrics"],
  data: "0".repeat(64),
};

/** A folder of a run that has nothing but a model. */
function runWith(graph: Graph): string {
  return folderWith({ "model.onnx": writeModel(graph) });
}

test("a classifier: shapes at its image size, frozen backbone, trainable head, settings that are no parameters", async () => {
  const head = { weight: zeros(8, 3), bias: zeros(3) };
  const summary = await summarise(runWith(composeClassifier(backbone, head, provenance)));
  expect(summary).toMatchObject({
    kind: "classifier",
    backbone: "tiny",
    imageSize: 32,
    classes: ["cat", "dog", "fox"],
    parameters: 216 + 32 + 27,
    trainable: 27,
    frozen: 216 + 32,
    features: { count: 8, reason: expect.stringContaining("Gemm") },
  });
  const row = (op: string) => summary.rows.find((one) => one.op === op);
  expect(row("Conv")).toMatchObject({ outputShape: ["N", 8, 16, 16], parameters: 216, trainable: false });
  // The first one prepares photos, and its numbers are settings.
  expect(
    summary.rows.filter(({ op }) => op === "BatchNormalization").map(({ parameters }) => parameters),
  ).toEqual([0, 32]);
  expect(row("Clip")?.parameters).toBe(0);
  expect(row("Gemm")).toMatchObject({ outputShape: ["N", 3], parameters: 27, trainable: true });
  expect(summary.rows.filter(({ trainable }) => trainable)).toHaveLength(1);
});

test("weights that two layers share count once", async () => {
  const b = new GraphBuilder("shared");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const weight = b.constant("weight", zeros(3, 3, 1, 1));
  const twice = b.node("Conv", [b.node("Conv", [image, weight]), weight]);
  const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [twice])]);
  b.output("features", "float32", ["N", 3], pooled);
  const shared: Backbone = { ...backbone, graph: b.build(), features: 3 };
  const head = { weight: zeros(3, 3), bias: zeros(3) };
  const { rows } = await summarise(runWith(composeClassifier(shared, head, provenance)));
  expect(rows.filter(({ op }) => op === "Conv").map(({ parameters }) => parameters)).toEqual([9, 0]);
});

// 4,652,008 weights as published, without the last layer's 1,281,000, with 2 moving averages for each of 21,008 channels.
test("the embedded backbone, by its name", async () => {
  const summary = await summarise("efficientnet-lite0");
  expect(summary).toMatchObject({
    kind: "backbone",
    classes: undefined,
    imageSize: 224,
    parameters: 4_652_008 - 1_281_000 + 2 * 21_008,
    trainable: 0,
    features: { tensor: "features", count: 1280 },
  });
  // Casts of weights that are stored as float16 are no layers.
  expect(summary.rows.every(({ op }) => op !== "Cast")).toBe(true);
  expect(summary.rows.at(-1)).toMatchObject({ op: "Flatten", outputShape: ["N", 1280] });
  expect(summary.rows.find(({ op }) => op === "Conv")?.outputShape).toEqual(["N", 32, 112, 112]);
});

test("a network of one's own: its features, why they are there, and how photos are prepared", async () => {
  const file = writeBackbone(folderWith({}));
  expect(await summarise(file)).toMatchObject({
    kind: "backbone",
    backbone: "tiny",
    imageSize: 32,
    features: { count: TINY_FEATURES, reason: expect.stringMatching(/the last fully connected layer/) },
    preprocessing: TINY_DESCRIPTION.preprocessing,
    preparation: "as tiny.json says",
  });
  expect(await summarise(file, { features: "logits" })).toMatchObject({
    features: { count: 5, reason: expect.stringMatching(/logits was asked for/) },
  });
});

test("a network whose preprocessing is not known is listed all the same, and says so", async () => {
  const file = join(folderWith({ "net.onnx": writeModel(tinyClassifier()) }), "net.onnx");
  const summary = await summarise(file);
  expect(summary).toMatchObject({ backbone: "net", imageSize: 224, preprocessing: null });
  expect(summary.preparation).toMatch(/preprocessor_config\.json/);
  expect(summary.rows.find(({ op }) => op === "Conv")?.outputShape).toEqual(["N", 8, 112, 112]);
  expect(await summarise(file, { mean: [127], std: [64] })).toMatchObject({
    preprocessing: { channels: "RGB", mean: [127, 127, 127], std: [64, 64, 64] },
    preparation: "as the options say",
  });
});

test("a Keras model", async () => {
  const file = await writeKerasClassifier(join(folderWith({}), "mine.h5"), { rescales: true });
  expect(await summarise(file)).toMatchObject({
    backbone: "mine",
    imageSize: KERAS_SIZE,
    parameters: 27 * 4 + 4,
    features: { count: 4 },
    preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
    preparation: expect.stringMatching(/^not at all, because the network itself multiplies by 0\.0039/),
  });
});

test("what is neither a model nor a backbone says so", async () => {
  await expect(summarise("no-such-backbone")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  await expect(summarise(join(folderWith({ a: "" }), "missing.onnx"))).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
  await expect(summarise(folderWith({ "recipe.json": "{}" }))).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(summarise(runWith(tinyGraph()))).rejects.toThrow();
});
