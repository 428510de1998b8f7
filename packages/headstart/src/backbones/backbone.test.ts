import { createHash } from "node:crypto";
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import {
  TINY_DESCRIPTION,
  TINY_FEATURES,
  tinyClassifier,
  writeBackbone,
} from "../../test/support/tiny-backbone.js";
import { float32, floats, type Graph, GraphBuilder, readModel, writeModel } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { BACKBONES, checkImageSize, findBackbone, loadBackbone } from "./backbone.js";

/** Float photos [N, 3, size, size] with values that a seed gives. */
function photos(count: number, size: number) {
  const random = createRandom(5, "photos");
  const values = random.fill(new Float32Array(count * 3 * size * size), (r) => r.between(-1, 1));
  return float32([count, 3, size, size], values);
}

async function outputOf(graph: Graph, input: string, name: string, image: ReturnType<typeof photos>) {
  const { [name]: found } = await runGraph(graph, { [input]: image });
  if (found === undefined) throw new Error(`There is no output ${name}.`);
  return floats(found);
}

describe("the embedded backbone", () => {
  const package_ = createRequire(import.meta.url).resolve("@headstart/efficientnet-lite0/backbone.json");
  const published = JSON.parse(readFileSync(package_, "utf8"));

  test("is what its description says", async () => {
    const backbone = await loadBackbone();
    expect(backbone).toMatchObject({
      name: "efficientnet-lite0",
      file: join(dirname(package_), published.file),
      digest: published.sha256,
      features: 1280,
      parameters: 4_652_008,
      imageSize: 224,
      licence: "Apache-2.0",
      top1: 75.1,
      preprocessing: { channels: "RGB", mean: [127, 127, 127], std: [128, 128, 128] },
    });
    expect(published).toMatchObject({ features: backbone.features, parameters: backbone.parameters });
    expect(backbone.graph.inputs).toMatchObject([{ name: "image", type: "float32" }]);
    expect(backbone.graph.outputs).toMatchObject([{ name: "features", type: "float32", shape: ["N", 1280] }]);
  });

  test("has features that make the original's answers, and no photo changes those of another", async () => {
    const backbone = await loadBackbone();
    const original = readModel(readFileSync(backbone.file));
    const image = photos(3, 64);
    const features = await outputOf(backbone.graph, "image", "features", image);
    const logits = await outputOf(original, "image", "logits", image);
    // The last layer, by hand: the original's own weights on our features.
    const layer = original.nodes.find(({ op }) => op === "Gemm");
    const b = GraphBuilder.from(original);
    b.clearOutputs();
    b.output("kernel", "float32", [1000, 1280], layer?.inputs[1]);
    b.output("bias", "float32", [1000], layer?.inputs[2]);
    const { kernel, bias } = await runGraph(b.build(), { image });
    if (kernel === undefined || bias === undefined) throw new Error("The last layer has no weights.");
    expect(kernel.dims).toEqual([1000, 1280]);
    const [weights, shift] = [floats(kernel), floats(bias)];
    for (const [row, answer] of [0, 1, 2].flatMap((r) => [0, 1, 500, 999].map((c) => [r, c] as const))) {
      let sum = shift[answer] ?? 0;
      for (let i = 0; i < 1280; i++)
        sum += (features[row * 1280 + i] ?? 0) * (weights[answer * 1280 + i] ?? 0);
      expect(sum).toBeCloseTo(logits[row * 1000 + answer] ?? Number.NaN, 3);
    }
    const second = float32([1, 3, 64, 64], floats(image).slice(3 * 64 * 64, 2 * 3 * 64 * 64));
    expect(await outputOf(backbone.graph, "image", "features", second)).toEqual(features.slice(1280, 2560));
  });

  test("is found without being read", async () => {
    expect(await findBackbone("efficientnet-lite0")).toMatchObject({ description: { imageSize: 224 } });
    expect(Object.keys(BACKBONES)).toContain("efficientnet-lite0");
  });
});

describe("a classifier of one's own", () => {
  test.each([
    ["any size", ["N", 3, "H", "W"], "image"],
    ["another input name", ["batch", 3, "H", "W"], "pixel_values"],
    ["a size of its own", ["N", 3, 32, 32], "x"],
  ] as const)("with %s works with its description beside it", async (_, shape, input) => {
    const model = tinyClassifier(shape, input);
    const file = writeBackbone(folderWith({}), model);
    const backbone = await loadBackbone(file);
    expect(backbone).toMatchObject({
      name: "tiny",
      file,
      features: TINY_FEATURES,
      parameters: 8 * 27 + 8 + 8 * 5 + 5,
      licence: "not stated",
      top1: undefined,
      digest: createHash("sha256").update(readFileSync(file)).digest("hex"),
    });
    const image = photos(2, 32);
    const features = await outputOf(backbone.graph, "image", "features", image);
    const logits = await outputOf(model, input, "logits", image);
    const weights = floats(model.initializers.get("last") ?? float32([0], []));
    let sum = floats(model.initializers.get("zero") ?? float32([0], []))[2] ?? 0;
    for (let i = 0; i < TINY_FEATURES; i++) sum += (features[i] ?? 0) * (weights[i * 5 + 2] ?? 0);
    expect(sum).toBeCloseTo(logits[2] ?? Number.NaN, 5);
  });

  test("may have weights beside it, which count in its digest", async () => {
    const folder = folderWith({});
    const file = writeBackbone(folder, withExternalKernel(folder, 0));
    const before = await loadBackbone(file);
    const inside = await loadBackbone(writeBackbone(folderWith({})));
    const image = photos(1, 16);
    expect(await outputOf(before.graph, "image", "features", image)).toEqual(
      await outputOf(inside.graph, "image", "features", image),
    );
    withExternalKernel(folder, 1);
    const after = await loadBackbone(file);
    expect(readFileSync(after.file)).toEqual(readFileSync(before.file));
    expect(after.digest).not.toBe(before.digest);
  });

  test("must not keep weights elsewhere", async () => {
    const folder = folderWith({ "model/x": "", secret: "" });
    const model = withExternalKernel(join(folder, "model"), 0);
    rmSync(join(folder, "model/kernel.bin"));
    const file = writeBackbone(join(folder, "model"), model);
    await expect(loadBackbone(file)).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(/kernel\.bin, which is not there/),
    });
    symlinkSync("../secret", join(folder, "model/kernel.bin"));
    await expect(loadBackbone(file)).rejects.toThrow(/outside its folder/);
  });
});

/** The tiny classifier with its kernel in a file beside it; `change` is added to every weight. */
function withExternalKernel(folder: string, change: number): Uint8Array {
  const model = fromBinary(ModelProtoSchema, writeModel(tinyClassifier()));
  const kernel = model.graph?.initializer.find(({ name }) => name === "kernel");
  if (kernel === undefined) throw new Error("There is no kernel.");
  const values = new Float32Array(kernel.rawData.slice().buffer).map((value) => value + change);
  writeFileSync(join(folder, "kernel.bin"), values);
  kernel.rawData = new Uint8Array(0);
  kernel.dataLocation = TensorProto_DataLocation.EXTERNAL;
  kernel.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: "kernel.bin" })];
  return toBinary(ModelProtoSchema, model);
}

describe("what cannot be a backbone", () => {
  const load = (model?: Graph | Uint8Array, description?: object | string) =>
    loadBackbone(writeBackbone(folderWith({}), model, description));

  test("a name that does not exist", async () => {
    await expect(loadBackbone("resnet9000")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: "There is no backbone resnet9000.",
      hint: expect.stringContaining("efficientnet-lite0"),
    });
    await expect(loadBackbone("toString")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  test("a file without a description, or a description without its file", async () => {
    const folder = folderWith({ "b.json": JSON.stringify({ ...TINY_DESCRIPTION, file: "b.onnx" }) });
    const missing = await loadBackbone(join(folder, "a.onnx")).catch((error: unknown) => error);
    expect(missing).toMatchObject({
      code: "NOT_FOUND",
      message: `There is no description ${join(folder, "a.json")} of the backbone ${join(folder, "a.onnx")}.`,
      hint: expect.stringContaining("preprocessing"),
    });
    await expect(loadBackbone(join(folder, "b.onnx"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test.each([
    ["that is not JSON", "{", /tiny\.json is not JSON/],
    ["without preprocessing", { ...TINY_DESCRIPTION, preprocessing: undefined }, /preprocessing/],
    ["with an image size of 0", { ...TINY_DESCRIPTION, imageSize: 0 }, /imageSize/],
    ["with a file elsewhere", { ...TINY_DESCRIPTION, file: "../tiny.onnx" }, /in the same folder/],
    ["of another file", { ...TINY_DESCRIPTION, file: "other.onnx" }, /describes other\.onnx, not tiny\.onnx/],
    ["with a wrong hash", { ...TINY_DESCRIPTION, sha256: "0".repeat(64) }, /SHA-256 differs/],
  ])("a description %s", async (_, description, message) => {
    await expect(load(undefined, description)).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(message),
    });
  });

  test("a file that is no model, or is cut off", async () => {
    await expect(load(Buffer.from("hello"))).rejects.toMatchObject({ code: "INVALID_MODEL" });
    const whole = writeModel(tinyClassifier());
    await expect(load(whole.subarray(0, whole.length / 2))).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });

  test("a network without a fully connected layer", async () => {
    const b = new GraphBuilder("filter");
    const image = b.input("image", "float32", ["N", 3, "H", "W"]);
    b.output("y", "float32", ["N", 3, "H", "W"], b.node("Relu", [image]));
    await expect(load(b.build())).rejects.toThrow(/no last fully connected layer/);
  });

  test.each([
    ["one channel", ["N", 1, "H", "W"]],
    ["channels last", ["N", 32, 32, 3]],
    ["no picture", ["N", 3]],
  ])("a network that takes %s", async (_, shape) => {
    const b = new GraphBuilder("other");
    const image = b.input("image", "float32", shape);
    const flat = b.node("ReduceMean", [image, b.integers(shape.map((_, i) => i).slice(2))], { keepdims: 0 });
    const dims = Number(shape[1]);
    const kernel = b.constant("kernel", float32([dims, 2], new Float32Array(dims * 2)));
    const features = shape.length === 2 ? image : flat;
    b.output("y", "float32", ["N", 2], b.node("MatMul", [features, kernel]));
    await expect(load(b.build())).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(
        /does not take one float image \[N, 3, H, W\]: its inputs are image float32 \[N/,
      ),
    });
  });

  test("a network for two inputs, or whole numbers", async () => {
    const b = new GraphBuilder("bytes");
    const image = b.node("Cast", [b.input("image", "uint8", ["N", 3, "H", "W"])], { to: 1 });
    const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [image])]);
    const kernel = b.constant("kernel", float32([3, 2], new Float32Array(6)));
    b.output("y", "float32", ["N", 2], b.node("MatMul", [pooled, kernel]));
    await expect(load(b.build())).rejects.toThrow(/image uint8 \[N, 3, H, W\]/);
  });

  test("a network for a fixed number of photos", async () => {
    const b = new GraphBuilder("one by one");
    const image = b.input("image", "float32", [1, 3, "H", "W"]);
    const flat = b.node("Reshape", [b.node("GlobalAveragePool", [image]), b.integers([1, 3])]);
    const kernel = b.constant("kernel", float32([3, 2], new Float32Array(6)));
    b.output("y", "float32", [1, 2], b.node("MatMul", [flat, kernel]));
    await expect(load(b.build())).rejects.toThrow(/batches of 1 photos only/);
  });

  test.skipIf(process.getuid?.() === 0)("a file that may not be read", async () => {
    const file = writeBackbone(folderWith({}));
    chmodSync(file, 0);
    await expect(loadBackbone(file)).rejects.toMatchObject({ code: "STORAGE" });
  });
});

test("a batch of one in the file's description of its input does not bind", async () => {
  const file = writeBackbone(folderWith({}), tinyClassifier([1, 3, "H", "W"]));
  const { graph } = await loadBackbone(file);
  expect(await outputOf(graph, "image", "features", photos(3, 16))).toHaveLength(3 * TINY_FEATURES);
});

describe("checkImageSize", () => {
  test("takes sizes from the smallest to 2048", async () => {
    const backbone = await loadBackbone(writeBackbone(folderWith({})));
    for (const size of [8, 32, 2048]) expect(() => checkImageSize(backbone, size)).not.toThrow();
    for (const size of [7, 2049])
      expect(() => checkImageSize(backbone, size)).toThrow(
        `tiny takes image sizes from 8 to 2048, not ${size}`,
      );
  });

  test("takes no other than the one that the file is made for", async () => {
    const backbone = await loadBackbone(writeBackbone(folderWith({}), tinyClassifier(["N", 3, 32, 32])));
    expect(() => checkImageSize(backbone, 32)).not.toThrow();
    expect(() => checkImageSize(backbone, 64)).toThrow("takes photos of 32 pixels only, not 64");
  });
});

test("sizes with odd names do not get mixed up", async () => {
  const file = writeBackbone(folderWith({}), tinyClassifier(["batch", "channels", "N", "N"]));
  const { graph } = await loadBackbone(file);
  expect(graph.inputs).toMatchObject([{ shape: ["N", 3, "H", "W"] }]);
});
