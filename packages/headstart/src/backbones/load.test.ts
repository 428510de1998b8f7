import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KERAS_SIZE, writeKerasClassifier } from "../../test/support/keras-model.js";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_DESCRIPTION, tinyClassifier, writeBackbone } from "../../test/support/tiny-backbone.js";
import { GraphBuilder, writeModel } from "../onnx/index.js";
import { KERAS_APPLICATIONS } from "./keras/applications/index.js";
import { combined, loadNetwork } from "./load.js";

const NUMBERS = { mean: [1, 2, 3], std: [4, 5, 6] };

/** The tiny classifier behind a division of pixels by 255. */
function scalingClassifier() {
  const tiny = tinyClassifier();
  const b = new GraphBuilder("scaling");
  const image = b.input("pixels", "float32", ["N", 3, "H", "W"]);
  const made = b.include(tiny, { image: b.node("Div", [image, b.scalar(255)]) });
  b.output("logits", "float32", ["N", 5], made.get("logits"));
  return b.build();
}

const WRITTEN_ONES = { image_mean: [0.5, 0.5, 0.5], image_std: [0.25, 0.25, 0.25], size: 48 };

describe("how photos are prepared", () => {
  test("is as the options say, whatever is written", async () => {
    const file = writeBackbone(folderWith({}), scalingClassifier());
    expect(await loadNetwork(file, NUMBERS)).toMatchObject({
      preprocessing: { channels: "RGB", ...NUMBERS },
      preparation: "as the options say",
    });
    const keras = await writeKerasClassifier(join(folderWith({}), "a.h5"), { name: "vgg16" });
    expect((await loadNetwork(keras, NUMBERS)).preprocessing).toEqual({ channels: "BGR", ...NUMBERS });
    const bgr = await loadNetwork(file, { channels: "BGR" });
    expect(bgr).toMatchObject({
      preprocessing: { ...TINY_DESCRIPTION.preprocessing, channels: "BGR" },
      preparation: "as tiny.json says",
    });
  });

  test("is as the description says, before anything else", async () => {
    const folder = folderWith({ "preprocessor_config.json": JSON.stringify(WRITTEN_ONES) });
    expect(await loadNetwork(writeBackbone(folder, scalingClassifier()))).toMatchObject({
      preprocessing: TINY_DESCRIPTION.preprocessing,
      preparation: "as tiny.json says",
      imageSize: 32,
      minimumImageSize: 8,
    });
  });

  test("is as the hub's files beside it say, before what the network does itself", async () => {
    const folder = folderWith({
      "model.onnx": writeModel(scalingClassifier()),
      "preprocessor_config.json": JSON.stringify(WRITTEN_ONES),
      "config.json": JSON.stringify({ id2label: { 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" } }),
    });
    expect(await loadNetwork(join(folder, "model.onnx"))).toMatchObject({
      preprocessing: { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [63.75, 63.75, 63.75] },
      preparation: "as preprocessor_config.json says",
      imageSize: 48,
      classes: ["a", "b", "c", "d", "e"],
    });
  });

  test("is nothing where the network scales pixels itself", async () => {
    const folder = folderWith({ "model.onnx": writeModel(scalingClassifier()) });
    expect(await loadNetwork(join(folder, "model.onnx"))).toMatchObject({
      preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
      preparation: "not at all, because the network itself divides by 255",
    });
  });

  test("is as Keras does it for a network that is called so", async () => {
    const folder = folderWith({});
    const named = await loadNetwork(await writeKerasClassifier(join(folder, "a.h5"), { name: "vgg16" }));
    expect(named).toMatchObject({
      preprocessing: KERAS_APPLICATIONS.vgg16?.preprocessing,
      preparation: expect.stringMatching(/VGG16, because the network is called vgg16$/),
    });
    const own = await loadNetwork(
      await writeKerasClassifier(join(folder, "b.h5"), { name: "vgg16", rescales: true }),
    );
    expect(own).toMatchObject({
      preprocessing: { mean: [0, 0, 0], std: [1, 1, 1] },
      preparation: expect.stringMatching(/^not at all, because the network itself/),
    });
  });

  test("is not known where nothing says it", async () => {
    const folder = folderWith({ "model.onnx": writeModel(tinyClassifier()) });
    const network = await loadNetwork(join(folder, "model.onnx"));
    expect(network.preprocessing).toBeUndefined();
    expect(network.preparation).toMatch(/preprocessor_config\.json/);
    // An order of channels alone does not make it known.
    expect(
      (await loadNetwork(join(folder, "model.onnx"), { channels: "BGR" })).preprocessing,
    ).toBeUndefined();
  });
});

describe("a network", () => {
  test("of a file without a description has the usual values for what is not known", async () => {
    const folder = folderWith({ "model.onnx": writeModel(tinyClassifier()) });
    const file = join(folder, "model.onnx");
    expect(await loadNetwork(file)).toMatchObject({
      choice: file,
      name: "model",
      file,
      digest: createHash("sha256").update(readFileSync(file)).digest("hex"),
      parameters: 8 * 27 + 8 + 8 * 5 + 5,
      imageSize: 224,
      minimumImageSize: 32,
      licence: "not stated",
      source: "not stated",
      top1: undefined,
      classes: undefined,
    });
  });

  test("of Keras has input and outputs as Keras has them", async () => {
    const file = await writeKerasClassifier(join(folderWith({}), "mine.h5"));
    const { whole, digest, name } = await loadNetwork(file);
    expect(name).toBe("mine");
    expect(digest).toBe(createHash("sha256").update(readFileSync(file)).digest("hex"));
    expect(whole.inputs).toMatchObject([{ shape: [expect.anything(), KERAS_SIZE, KERAS_SIZE, 3] }]);
  });

  test("is told by its content: an ONNX model in a file that is called .h5, and the other way round", async () => {
    const folder = folderWith({ "onnx.h5": writeModel(tinyClassifier()) });
    expect((await loadNetwork(join(folder, "onnx.h5"))).whole.name).toBe("tiny");
    await writeKerasClassifier(join(folder, "mine.h5"));
    writeFileSync(join(folder, "keras.onnx"), readFileSync(join(folder, "mine.h5")));
    expect((await loadNetwork(join(folder, "keras.onnx"))).parameters).toBe(27 * 4 + 4 + 4 * 3 + 3);
  });

  test("that is missing, damaged or a folder is said to be so", async () => {
    const folder = folderWith({ "text.onnx": "hello", "text.h5": "hello", "cut.h5": "\x89HDF\r\n\x1a\n" });
    mkdirSync(join(folder, "folder.onnx"));
    await expect(loadNetwork(join(folder, "none.keras"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(loadNetwork(join(folder, "folder.onnx"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("is not a file"),
    });
    for (const name of ["text.onnx", "text.h5"])
      await expect(loadNetwork(join(folder, name))).rejects.toMatchObject({ code: "INVALID_MODEL" });
    await expect(loadNetwork(join(folder, "cut.h5"))).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });
});

test("a digest of several things depends on each, and on their order", () => {
  const all = [combined("a"), combined("a", "b"), combined("b", "a"), combined("a", "b", ""), combined("ab")];
  expect(new Set(all).size).toBe(all.length);
  for (const digest of all) expect(digest).toMatch(/^[0-9a-f]{64}$/);
});
