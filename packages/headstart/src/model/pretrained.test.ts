import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KERAS_SIZE, type KerasClassifier, writeKerasClassifier } from "../../test/support/keras-model.js";
import { drawPhoto } from "../../test/support/photos.js";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import { tinyClassifier } from "../../test/support/tiny-backbone.js";
import { loadNetwork } from "../backbones/index.js";
import { float32, floats, writeModel } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { Classifier, type ClassifierOptions, type RawPixels } from "./classifier.js";

const NAMES = ["cat", "dog", "fox"];

/** A photo of noise, of the size that the small Keras models take. */
function pixels(): RawPixels {
  const random = createRandom(4, "photo");
  const bytes = Uint8Array.from({ length: KERAS_SIZE ** 2 * 3 }, () => Math.floor(random.between(0, 256)));
  return { data: bytes, width: KERAS_SIZE, height: KERAS_SIZE };
}

/** What a Keras model itself answers, run by hand on the photo as numbers. */
async function byHand(
  file: string,
  { data }: RawPixels,
  change = (value: number) => value,
): Promise<number[]> {
  const { whole } = await loadNetwork(file);
  const image = float32([1, KERAS_SIZE, KERAS_SIZE, 3], Float32Array.from(data, change));
  const outputs = await runGraph(whole, { [whole.inputs[0]?.name ?? ""]: image });
  return Object.values(outputs).flatMap((tensor) => [...floats(tensor)]);
}

async function write(choices: KerasClassifier): Promise<string> {
  return await writeKerasClassifier(join(folderWith({}), "mine.h5"), choices);
}

/** Probabilities of a photo in the order of the classes. */
async function probabilities(file: string, photo: RawPixels, options: ClassifierOptions): Promise<number[]> {
  const classifier = await Classifier.load(file, { threads: 1, ...options });
  try {
    const { classes: found } = await classifier.predict(photo);
    return classifier.classes.map(
      (name) => found.find(({ className }) => className === name)?.probability ?? Number.NaN,
    );
  } finally {
    await classifier.close();
  }
}

const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

describe("a Keras model with a softmax", () => {
  test("gives the probabilities that it gives by itself, with names", async () => {
    const file = await write({ rescales: true });
    const photo = pixels();
    const expected = await byHand(file, photo);
    expect(expected.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    expect(await probabilities(file, photo, { classes: NAMES })).toEqual(near(expected));
  });

  test("of photos that the options say how to prepare", async () => {
    const file = await write({});
    const photo = pixels();
    const options = { classes: NAMES, mean: [127.5], std: [64] };
    const expected = await byHand(file, photo, (value) => (value - 127.5) / 64);
    expect(await probabilities(file, photo, options)).toEqual(near(expected));
    // The same numbers for values from 0 to 1.
    const small = { classes: NAMES, mean: [0.5], std: [64 / 255] };
    expect(await probabilities(file, photo, small)).toEqual(near(expected));
  });

  test("says where it comes from, and takes photos of any size", async () => {
    const file = await write({ rescales: true });
    const classifier = await Classifier.load(file, { threads: 1, classes: NAMES });
    expect(classifier).toMatchObject({
      classes: NAMES,
      imageSize: KERAS_SIZE,
      provenance: {
        recipe: "pretrained",
        backbone: { name: "mine", precision: "float32", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    });
    const photo = join(folderWith({}), "fox.jpg");
    await drawPhoto(photo, "fox", 3);
    const { classes: found } = await classifier.predict(photo);
    expect(found.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    await classifier.close();
  });

  test("is not squashed twice where its scores come out plain", async () => {
    const file = await write({ rescales: true, activation: "linear" });
    const photo = pixels();
    const scores = await byHand(file, photo);
    const sum = scores.reduce((all, score) => all + Math.exp(score), 0);
    expect(await probabilities(file, photo, { classes: NAMES })).toEqual(
      near(scores.map((score) => Math.exp(score) / sum)),
    );
  });
});

describe("a Keras model with a sigmoid", () => {
  test("of one output tells two classes apart: it is the probability of the second", async () => {
    const file = await write({ rescales: true, activation: "sigmoid", outputs: 1 });
    const photo = pixels();
    const [second = Number.NaN] = await byHand(file, photo);
    expect(second).toBeGreaterThan(0.01);
    expect(await probabilities(file, photo, { classes: ["cat", "dog"] })).toEqual(near([1 - second, second]));
  });

  test("of several outputs is refused: more than one may be right", async () => {
    const file = await write({ rescales: true, activation: "sigmoid" });
    await expect(Classifier.load(file, { classes: NAMES })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "The 3 outputs of mine are not the scores of classes of which one is right.",
      hint: expect.stringContaining("--backbone"),
    });
  });

  test("one output without a sigmoid is refused: it is a number, not a class", async () => {
    const file = await write({ rescales: true, activation: "linear", outputs: 1 });
    await expect(Classifier.load(file, { classes: ["a", "b"] })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "The one output of mine is not the score of classes of which one is right.",
    });
  });
});

describe("an ONNX model", () => {
  const NUMBERS = { mean: [127], std: [64] };
  const FIVE = ["a", "b", "c", "d", "e"];
  const tiny = () => join(folderWith({ "net.onnx": writeModel(tinyClassifier()) }), "net.onnx");

  test("takes photos at the image size that is asked for, or its own", async () => {
    const file = tiny();
    for (const [options, size] of [
      [{}, 224],
      [{ imageSize: 48 }, 48],
    ] as const) {
      const classifier = await Classifier.load(file, { ...NUMBERS, ...options, classes: FIVE });
      expect(classifier.imageSize).toBe(size);
      await classifier.close();
    }
    const fixed = tiny();
    writeFileSync(fixed, writeModel(tinyClassifier(["N", 3, 32, 32])));
    const classifier = await Classifier.load(fixed, { ...NUMBERS, imageSize: 32, classes: FIVE });
    expect(classifier.imageSize).toBe(32);
    await classifier.close();
  });

  test("takes its classes from the hub's files beside it", async () => {
    const folder = folderWith({
      "net.onnx": writeModel(tinyClassifier()),
      "config.json": JSON.stringify({ id2label: { 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" } }),
      "preprocessor_config.json": JSON.stringify({
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        size: 64,
      }),
    });
    const classifier = await Classifier.load(join(folder, "net.onnx"));
    expect(classifier).toMatchObject({ classes: FIVE, imageSize: 64 });
    await classifier.close();
  });

  test.each<[string, ClassifierOptions, string, string]>([
    ["no names", NUMBERS, "It is not written what the 5 classes of net are called.", "--classes names.txt"],
    [
      "too few names",
      { ...NUMBERS, classes: NAMES },
      "There are 3 class names, and net tells 5 classes apart.",
      "one name for each",
    ],
    [
      "no preprocessing",
      { classes: FIVE },
      "How photos have to be prepared for net is not known: ",
      "--mean and --std",
    ],
    ["half a preprocessing", { classes: FIVE, mean: [1] }, "The mean is given without the std.", "Give both"],
  ])("with %s is refused", async (_, options, sentence, hint) => {
    await expect(Classifier.load(tiny(), options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(sentence),
      hint: expect.stringContaining(hint),
    });
  });

  test("of a fixed size refuses another one that is asked for", async () => {
    const file = join(folderWith({ "net.onnx": writeModel(tinyClassifier(["N", 3, 32, 32])) }), "net.onnx");
    await expect(Classifier.load(file, { ...NUMBERS, classes: FIVE, imageSize: 48 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: "The network net takes photos of 32 pixels only, not 48.",
    });
  });
});
