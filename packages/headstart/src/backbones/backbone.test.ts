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
import { type Dim, float32, floats, type Graph, GraphBuilder, readModel, writeModel } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { checkImageSize, fixedImageSize, loadBackbone } from "./backbone.js";

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

/** A fully connected layer's kernel that makes two numbers of some. */
function kernelOf(b: GraphBuilder, inputs: number): string {
  return b.constant(
    "kernel",
    float32(
      [inputs, 2],
      Float32Array.from({ length: inputs * 2 }, (_, i) => i + 1),
    ),
  );
}

/** A network of a fully connected layer on the mean of each channel; of an input of two dimensions, on what it takes. */
function averages(shape: readonly Dim[]): Graph {
  const b = new GraphBuilder("averages");
  const image = b.input("image", "float32", shape);
  const last = shape.at(-1) === 3;
  const features =
    shape.length === 2
      ? image
      : b.node("ReduceMean", [image, b.integers(last ? [1, 2] : [2, 3])], { keepdims: 0 });
  b.output("y", "float32", ["N", 2], b.node("MatMul", [features, kernelOf(b, last ? 3 : Number(shape[1]))]));
  return b.build();
}

describe("an exporter's ways are taken as they are", () => {
  const load = (model: Graph) => loadBackbone(writeBackbone(folderWith({}), model));

  test("channels last", async () => {
    const { graph } = await load(averages(["N", 16, 16, 3]));
    expect(graph.inputs).toMatchObject([{ name: "image", type: "float32", shape: ["N", 3, 16, 16] }]);
    const image = photos(2, 16);
    const first = floats(image).subarray(0, 256);
    const features = await outputOf(graph, "image", "features", image);
    expect(features[0]).toBeCloseTo(first.reduce((sum, value) => sum + value, 0) / 256, 5);
  });

  test("bytes", async () => {
    const b = new GraphBuilder("bytes");
    const image = b.node("Cast", [b.input("image", "uint8", ["N", 3, "H", "W"])], { to: 1 });
    const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [image])]);
    b.output("y", "float32", ["N", 2], b.node("MatMul", [pooled, kernelOf(b, 3)]));
    const { graph } = await load(b.build());
    expect(graph.inputs).toMatchObject([{ type: "float32", shape: ["N", 3, "H", "W"] }]);
    const grey = float32([1, 3, 2, 2], new Float32Array(12).fill(200));
    expect([...(await outputOf(graph, "image", "features", grey))]).toEqual([200, 200, 200]);
  });

  test("a fixed number of photos, also where a shape in the network says it", async () => {
    const b = new GraphBuilder("one by one");
    const image = b.input("image", "float32", [1, 3, "H", "W"]);
    const flat = b.node("Reshape", [b.node("GlobalAveragePool", [image]), b.integers([1, 3])]);
    b.output("y", "float32", [1, 2], b.node("MatMul", [flat, kernelOf(b, 3)]));
    const { graph } = await load(b.build());
    const image3 = photos(3, 16);
    const features = await outputOf(graph, "image", "features", image3);
    expect(features).toHaveLength(9);
    const third = float32([1, 3, 16, 16], floats(image3).slice(2 * 768));
    expect(await outputOf(graph, "image", "features", third)).toEqual(features.slice(6));
  });

  test("no head: the average over the last feature maps is taken, and said", async () => {
    const b = new GraphBuilder("headless");
    const image = b.input("image", "float32", ["N", 3, "H", "W"]);
    b.output("maps", "float32", ["N", 3, "H", "W"], b.node("Abs", [image]));
    const { graph, reason } = await load(b.build());
    expect(reason).toMatch(/^maps is the network's output, .*has no head/);
    const grey = float32([1, 3, 2, 2], new Float32Array(12).fill(-2));
    expect([...(await outputOf(graph, "image", "features", grey))]).toEqual([2, 2, 2]);
  });

  test("another tensor for the features, which counts in the digest", async () => {
    const file = writeBackbone(folderWith({}));
    const [own, other] = [await loadBackbone(file), await loadBackbone(file, { features: "logits" })];
    expect([own.features, other.features]).toEqual([TINY_FEATURES, 5]);
    expect(other.digest).not.toBe(own.digest);
    expect(other.reason).not.toBe(own.reason);
    await expect(loadBackbone(file, { features: "logit" })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("what cannot be a backbone", () => {
  const load = (model?: Graph | Uint8Array, description?: object | string) =>
    loadBackbone(writeBackbone(folderWith({}), model, description));

  test("a name that does not exist", async () => {
    await expect(loadBackbone("resnet9000")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: "There is no network resnet9000.",
      hint: expect.stringContaining("efficientnet-lite0"),
    });
    await expect(loadBackbone("toString")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  test("a file that nothing says the preprocessing of, until the user says it", async () => {
    const file = join(folderWith({ "a.onnx": writeModel(tinyClassifier()) }), "a.onnx");
    await expect(loadBackbone(file)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^How photos have to be prepared for a is not known: .+\.$/),
      hint: expect.stringMatching(/--mean and --std/),
    });
    const preprocessing = { channels: "BGR", mean: [1, 2, 3], std: [4, 5, 6] } as const;
    expect(await loadBackbone(file, preprocessing)).toMatchObject({
      name: "a",
      preprocessing,
      preparation: "as the options say",
      imageSize: 224,
    });
  });

  test("a file that does not exist, with and without a description", async () => {
    const folder = folderWith({ "b.json": JSON.stringify({ ...TINY_DESCRIPTION, file: "b.onnx" }) });
    for (const name of ["a.onnx", "b.onnx"])
      await expect(loadBackbone(join(folder, name))).rejects.toMatchObject({ code: "NOT_FOUND" });
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
    b.output("z", "float32", ["N", 3, "H", "W"], b.node("Tanh", [image]));
    await expect(load(b.build())).rejects.toThrow(/no last fully connected layer/);
  });

  test.each([
    ["one channel", ["N", 1, "H", "W"], /takes image float32 \[N, 1, H, W\], which are no photos/],
    ["no picture", ["N", 3], /does not take one float image .* its inputs are image float32 \[N, 3\]/],
  ])("a network that takes %s", async (_, shape, sentence) => {
    await expect(load(averages(shape))).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringMatching(sentence),
    });
  });

  test("a network for two inputs", async () => {
    const b = new GraphBuilder("two");
    const image = b.input("image", "float32", ["N", 3, "H", "W"]);
    const mask = b.input("mask", "float32", ["N", 1, "H", "W"]);
    const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [b.node("Mul", [image, mask])])]);
    b.output("y", "float32", ["N", 2], b.node("MatMul", [pooled, kernelOf(b, 3)]));
    await expect(load(b.build())).rejects.toThrow(
      /its inputs are image float32 \[N, 3, H, W\] and mask float32 \[N, 1, H, W\]/,
    );
  });

  test("a network whose photos change each other, for a fixed number of them", async () => {
    const b = new GraphBuilder("one by one");
    const image = b.input("image", "float32", [2, 3, "H", "W"]);
    const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [image])]);
    const mean = b.node("ReduceMean", [pooled, b.integers([0])], { keepdims: 1 });
    b.output("y", "float32", [2, 2], b.node("MatMul", [b.node("Sub", [pooled, mean]), kernelOf(b, 3)]));
    await expect(load(b.build())).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/takes batches of 2 photos only/),
    });
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
    expect([backbone.imageSize, fixedImageSize(backbone)]).toEqual([32, 32]);
    expect(() => checkImageSize(backbone, 32)).not.toThrow();
    expect(() => checkImageSize(backbone, 64)).toThrow("takes photos of 32 pixels only, not 64");
    const small = await loadBackbone(writeBackbone(folderWith({}), tinyClassifier(["N", 3, 4, 4])));
    expect(() => checkImageSize(small, 4)).not.toThrow();
  });
});

test("sizes with odd names do not get mixed up", async () => {
  const file = writeBackbone(folderWith({}), tinyClassifier(["batch", "channels", "N", "N"]));
  const { graph } = await loadBackbone(file);
  expect(graph.inputs).toMatchObject([{ shape: ["N", 3, "H", "W"] }]);
});
