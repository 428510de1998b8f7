import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { drawPhotos } from "../../test/support/photos.js";
import { folderWith, newFolder } from "../../test/support/temporary.js";
import { tinyClassifier } from "../../test/support/tiny-backbone.js";
import { TINY_CALIBRATION, tinyModel } from "../../test/support/tiny-classifier.js";
import { writeModel } from "../onnx/index.js";
import { Classifier, type PhotoInput, type PredictOptions } from "./classifier.js";

const folder = newFolder();
const model = join(folder, "run", "model.onnx");
let classifier: Classifier;

beforeAll(async () => {
  mkdirSync(join(folder, "run"));
  writeFileSync(model, writeModel(await tinyModel(folder)));
  await drawPhotos(join(folder, "photos"), 14);
  classifier = await Classifier.load(model, { threads: 1 });
});
afterAll(async () => {
  await classifier.close();
  await rm(folder, { recursive: true, force: true });
});

const photo = (colour: string, number: number) =>
  join(folder, "photos", colour, `${String(number).padStart(2, "0")}.jpg`);

/** Probabilities in the order of the classes. */
async function probabilities(photo: PhotoInput, by = classifier): Promise<number[]> {
  const predictions = await by.predict(photo);
  return by.classes.map(
    (name) => predictions.classes.find(({ className }) => className === name)?.probability ?? Number.NaN,
  );
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function pixelsOf(path: string) {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

describe("Classifier.load", () => {
  test("takes a file or the folder of a run", async () => {
    const other = await Classifier.load(join(folder, "run"), { threads: 1 });
    expect(other).toMatchObject({ classes: ["cat", "dog", "fox"], imageSize: 32 });
    expect(other.provenance).toEqual(classifier.provenance);
    expect(await other.predict(photo("cat", 1))).toEqual(await classifier.predict(photo("cat", 1)));
    await other.close();
  });

  test("says what it cannot load", async () => {
    const files = folderWith({
      "text.onnx": "hello",
      "cut.onnx": (await readFile(model)).subarray(0, 900),
      "other.onnx": writeModel(tinyClassifier()),
      "run/log.txt": "",
    });
    const load = (name: string) => Classifier.load(join(files, name));
    await expect(load("absent.onnx")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(load("run")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/The run .* has no model\.onnx/),
      hint: expect.stringContaining("--resume"),
    });
    await expect(load("text.onnx")).rejects.toMatchObject({ code: "INVALID_MODEL" });
    await expect(load("cut.onnx")).rejects.toMatchObject({ code: "INVALID_MODEL" });
    await expect(load("other.onnx")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("How photos have to be prepared for other is not known"),
      hint: expect.stringContaining("--mean and --std"),
    });
    await expect(Classifier.load(model, { threads: 0 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("Classifier.predict", () => {
  test("a path, a Buffer and a Blob give the same answer; raw pixels nearly", async () => {
    for (const path of [photo("cat", 1), photo("dog", 2), photo("fox", 3)]) {
      const file = await readFile(path);
      const expected = await probabilities(path);
      expect(expected.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(await probabilities(file)).toEqual(expected);
      expect(await probabilities(new Uint8Array(file))).toEqual(expected);
      expect(await probabilities(new Blob([new Uint8Array(file)]))).toEqual(expected);
      // The graph's resizing and the decoder's differ by a grey level here and there.
      expect(worstDifference(await probabilities(await pixelsOf(path)), expected)).toBeLessThan(0.01);
    }
  });

  test("with nearest-neighbour resizing raw pixels give the same answer too", async () => {
    const files = folderWith({});
    const file = join(files, "nearest.onnx");
    writeFileSync(file, writeModel(await tinyModel(files, { resize: "nearest" })));
    const nearest = await Classifier.load(file, { threads: 1 });
    const path = photo("dog", 1);
    expect(await probabilities(await pixelsOf(path), nearest)).toEqual(await probabilities(path, nearest));
    const [answer] = await collect(nearest.classify([path]));
    expect(answer && "probabilities" in answer ? Array.from(answer.probabilities) : []).toEqual(
      await probabilities(path, nearest),
    );
    await nearest.close();
  });

  test("takes photos of any size", async () => {
    for (const [width, height] of [
      [1, 1],
      [3, 500],
      [641, 480],
    ] as const) {
      const data = new Uint8Array(width * height * 3).fill(90);
      const raw = await probabilities({ data, width, height });
      const png = await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
      expect(worstDifference(await probabilities(png), raw)).toBeLessThan(1e-5);
    }
  });

  test("leaves the caller's memory alone", async () => {
    const { width, height, data } = await pixelsOf(photo("cat", 1));
    const copy = Uint8Array.from(data);
    const first = await probabilities({ data: copy, width, height });
    expect(copy).toEqual(new Uint8Array(data));
    const around = new Uint8Array(new SharedArrayBuffer(copy.length + 5), 5);
    around.set(copy);
    expect(await probabilities({ data: around, width, height })).toEqual(first);
  });

  test("returns the best first, as many as asked for", async () => {
    const predicted = await classifier.predict(photo("fox", 1));
    const all = predicted.classes;
    expect(predicted).toMatchObject({ ...all[0], confident: undefined, set: undefined, unlike: undefined });
    expect(all).toHaveLength(3);
    expect(all.map(({ probability }) => probability)).toEqual(
      all.map(({ probability }) => probability).sort((a, b) => b - a),
    );
    const top = async (count: number) => (await classifier.predict(photo("fox", 1), { top: count })).classes;
    expect(await top(2)).toEqual(all.slice(0, 2));
    expect(await top(9)).toEqual(all);
    for (const count of [0, -1, 1.5, Number.NaN])
      await expect(classifier.predict(photo("fox", 1), { top: count })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
  });

  test("says what is no photo", async () => {
    await expect(classifier.predict("absent.jpg")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(classifier.predict(Buffer.from("text"))).rejects.toMatchObject({ code: "INVALID_PHOTO" });
    const pixels = { data: new Uint8Array(11), width: 2, height: 2 };
    await expect(classifier.predict(pixels)).rejects.toMatchObject({
      code: "INVALID_PHOTO",
      message: "11 bytes are not 2 x 2 pixels of three bytes.",
    });
    const none = { data: new Uint8Array(0), width: 0, height: 2 };
    await expect(classifier.predict(none)).rejects.toMatchObject({ code: "INVALID_PHOTO" });
  });
});

describe("what a calibrated classifier says of its certainty", () => {
  const file = join(folder, "calibrated.onnx");
  let calibrated: Classifier;
  beforeAll(async () => {
    writeFileSync(file, writeModel(await tinyModel(folder, { calibration: TINY_CALIBRATION })));
    calibrated = await Classifier.load(file, { threads: 1 });
  });
  afterAll(() => calibrated.close());

  const judge = (probabilities: readonly number[], options: PredictOptions = {}, unlike?: number) =>
    calibrated.judge({ probabilities: Float32Array.from(probabilities), unlike }, options);

  test("is confident from the threshold on for the accuracy that is asked for, or the next one", () => {
    expect(judge([0.5, 0.3, 0.2], { accuracy: 0.9 })).toMatchObject({ className: "cat", confident: true });
    expect(judge([0.5, 0.3, 0.2], { accuracy: 0.6 }).confident).toBe(true);
    expect(judge([0.49, 0.31, 0.2], { accuracy: 0.9 }).confident).toBe(false);
    // 95 % by default, for which that of 99 % is needed, which cannot be promised.
    expect(judge([1, 0, 0]).confident).toBe(false);
  });

  test("is not confident of a photo unlike the training photos", () => {
    expect(judge([0.9, 0.05, 0.05], { accuracy: 0.9 }, 0.98)).toMatchObject({
      confident: true,
      unlike: 0.98,
    });
    expect(judge([0.9, 0.05, 0.05], { accuracy: 0.9 }, 0.99).confident).toBe(false);
  });

  test("names sets of classes for the coverage that is asked for, or the next one", () => {
    expect(judge([0.1, 0.9, 0], { coverage: 0.5 }).set).toEqual(["dog"]);
    expect(judge([0.1, 0.9, 0]).set).toEqual(["dog", "cat", "fox"]);
    expect(judge([0.4, 0.6, 0], { coverage: 0.8 }).set).toEqual(["dog"]);
  });

  test.each<[PredictOptions, RegExp]>([
    [{ accuracy: 0.995 }, /accuracy of 0.995/],
    [{ accuracy: 0 }, /accuracy of 0 /],
    [{ coverage: 0.96 }, /coverage of 0.96/],
    [{ coverage: Number.NaN }, /coverage of NaN/],
  ])("refuses what it cannot tell: %j", async (options, message) => {
    expect(() => judge([1, 0, 0], options)).toThrow(message);
    await expect(calibrated.predict("absent.jpg", options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      hint: expect.stringContaining("at most"),
    });
  });

  test("answers of classify can be judged as those of predict", async () => {
    const [answer] = await collect(calibrated.classify([photo("cat", 1)]));
    if (answer === undefined || "reason" in answer) throw new Error("no answer");
    const judged = calibrated.judge(answer, { accuracy: 0.9 });
    const predicted = await calibrated.predict(photo("cat", 1), { accuracy: 0.9 });
    expect(judged).toMatchObject({ className: predicted.className, set: predicted.set });
    expect(judged.probability).toBeCloseTo(predicted.probability, 5);
    const exps = [...answer.logits].map((logit) => Math.exp(logit / TINY_CALIBRATION.temperature));
    const sum = exps.reduce((a, b) => a + b);
    expect(
      worstDifference(
        answer.probabilities,
        exps.map((one) => one / sum),
      ),
    ).toBeLessThan(1e-5);
  });
});

describe("Classifier.classify", () => {
  test("answers for many photos in their order, and says which it cannot decode", async () => {
    const good = ["cat", "dog", "fox"].flatMap((colour) =>
      Array.from({ length: 14 }, (_, i) => photo(colour, i + 1)),
    );
    const paths = [...good.slice(0, 5), join(folder, "absent.jpg"), ...good.slice(5), model];
    const answers = await collect(classifier.classify(paths));
    expect(answers.map(({ index }) => index).sort((a, b) => a - b)).toEqual(paths.map((_, i) => i));
    const failed = answers.filter((answer) => "reason" in answer);
    expect(failed.map(({ index }) => index)).toEqual([5, paths.length - 1]);
    const decoded = answers.flatMap((answer) => ("probabilities" in answer ? [answer] : []));
    expect(decoded.map(({ index }) => index)).toEqual(
      paths.map((_, i) => i).filter((i) => i !== 5 && i < paths.length - 1),
    );
    for (const { index, probabilities: found, truncated } of [decoded[0], decoded[20], decoded[41]].flatMap(
      (one) => one ?? [],
    )) {
      expect(truncated).toBe(false);
      expect(worstDifference(found, await probabilities(paths[index] ?? ""))).toBeLessThan(1e-6);
    }
  });

  test("marks what was cut off, and copes with nothing at all", async () => {
    const whole = await readFile(photo("cat", 1));
    const files = folderWith({ "cut.jpg": whole.subarray(0, whole.length * 0.8), "empty.jpg": "" });
    const [cut] = await collect(classifier.classify([join(files, "cut.jpg")]));
    expect(cut).toMatchObject({ index: 0, truncated: true });
    const none = await collect(classifier.classify([join(files, "empty.jpg")]));
    expect(none).toMatchObject([{ index: 0, reason: expect.stringContaining("") }]);
    expect(await collect(classifier.classify([]))).toEqual([]);
  });

  test("ends when asked, and goes on to work for others", async () => {
    const paths = Array.from({ length: 100 }, (_, i) => photo("dog", (i % 14) + 1));
    const interrupted = async () => {
      const controller = new AbortController();
      for await (const { index } of classifier.classify(paths, { signal: controller.signal }))
        if (index === 40) controller.abort();
    };
    await expect(interrupted()).rejects.toMatchObject({ code: "INTERRUPTED" });
    for await (const { index } of classifier.classify(paths)) if (index === 3) break;
    expect((await classifier.predict(photo("dog", 1))).classes).toHaveLength(3);
  });
});

test("ranked sorts probabilities that are given, and refuses none", () => {
  expect(classifier.ranked(Float32Array.of(0.25, 0.5, 0.25), 1)).toEqual([
    { className: "dog", probability: 0.5 },
  ]);
  expect(() => classifier.ranked(new Float32Array(0))).toThrow(/no probabilities/);
});

test("a closed classifier says so", async () => {
  const other = await Classifier.load(model, { threads: 1 });
  await other.close();
  await expect(other.predict(photo("cat", 1))).rejects.toThrow(/closed/);
});

test("a program that uses a classifier ends by itself", async () => {
  const library = new URL("../../dist/model/index.js", import.meta.url);
  const program = join(folder, "program.mjs");
  writeFileSync(
    program,
    `import { Classifier } from ${JSON.stringify(library.href)};
    const classifier = await Classifier.load(${JSON.stringify(model)}, { threads: 1 });
    const best = await classifier.predict(${JSON.stringify(photo("cat", 1))});
    console.log(best.className);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 30_000 });
  const best = await classifier.predict(photo("cat", 1));
  expect(stdout.trim()).toBe(best.className);
});
