import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { CONV, elements, kerasFixture, NORM, patternOf } from "../../../../test/support/keras-files.js";
import { shared } from "../../../../test/support/shared.js";
import { folderWith } from "../../../../test/support/temporary.js";
import { zip } from "../../../../test/support/zip.js";
import { floats } from "../../../onnx/index.js";
import type { WantedWeight } from "../weights.js";
import { type FileWeights, type KerasFile, openKerasFile } from "./index.js";

/** A fixture, opened once for the tests that only look at it. */
const opened = new Map<string, Promise<KerasFile>>();
function fixture(name: string): Promise<KerasFile> {
  const file = opened.get(name) ?? openKerasFile(kerasFixture(name));
  opened.set(name, file);
  return file;
}

/** What the model of the fixtures consists of, wherever it was saved. */
const EXAMPLE: readonly (readonly [path: readonly string[], wanted: readonly WantedWeight[]])[] = [
  [["scale"], weights({ mean: [3], variance: [3] })],
  [["base", "inner_conv"], CONV],
  [["base", "inner_norm"], NORM],
  [
    ["base", "inner_separable"],
    weights({ depthwise_kernel: [1, 1, 2, 1], pointwise_kernel: [1, 1, 2, 3], bias: [3] }),
  ],
  [["first"], CONV],
  [["second"], weights({ kernel: [1, 1, 2, 3], bias: [3] })],
  [["top"], weights({ kernel: [3, 2], bias: [2] })],
];

describe("a whole model", () => {
  test.each([
    ["keras3.h5", "3.15.1"],
    ["keras3.keras", "3.15.1"],
    ["keras2-15.keras", "2.13.1"],
    ["keras2-13.keras", "2.13.1"],
    ["keras2-13-windows.keras", "2.13.1"],
  ])("is read from %s", async (name, version) => {
    const file = await openKerasFile(kerasFixture(name));
    expect(file.kerasVersion).toBe(version);
    expect(file.config).toMatchObject({ class_name: "Sequential", config: { name: "example" } });
    expectExample(file.weights);
  });

  test("is read under the names of Keras 2: with a scope, made unique, with a slash, nested", async () => {
    const file = await openKerasFile(kerasFixture("keras2.h5"));
    expect(file.kerasVersion).toBe("2.2.4");
    expect(file.config).toMatchObject({ config: { name: "model" } });
    expect(file.weights.unread()).toEqual(["conv", "norm", "block/conv", "base/a", "base/b"]);
    expectLayer(file.weights, ["conv"], CONV);
    expectLayer(file.weights, ["norm"], NORM);
    expectLayer(file.weights, ["block/conv"], CONV);
    expectLayer(file.weights, ["base", "a"], CONV);
    expectLayer(file.weights, ["base", "b"], CONV);
  });
});

describe("weights only", () => {
  test.each(["keras3-weights.h5", "keras3.weights.h5"])("are read from %s", async (name) => {
    const file = await openKerasFile(kerasFixture(name), { config: await exampleConfig() });
    expect(file.config).toBeUndefined();
    expectExample(file.weights);
  });

  test("are read by the layers' own names where no configuration is given", async () => {
    expectExample((await openKerasFile(kerasFixture("keras3.weights.h5"))).weights);
  });

  test("are read by class and number where the layers are named otherwise", async () => {
    const config = JSON.parse(
      JSON.stringify(await exampleConfig()).replaceAll('"first"', '"1st"'),
    ) as unknown;
    const { weights } = await openKerasFile(kerasFixture("keras3.weights.h5"), { config });
    expect(elements(weights.read(["1st"], CONV))).toEqual(CONV.map((wanted) => patternOf("first", wanted)));
  });

  test("are read where the lists of names are split", async () => {
    const { weights } = await openKerasFile(kerasFixture("split.h5"));
    for (const layer of ["a", "b", "c"]) expectLayer(weights, [layer], CONV);
    expect(weights.unread()).toEqual([]);
  });

  test("are read in the order of the layers, whatever the file calls them", async () => {
    const file = await openKerasFile(kerasFixture("keras1.h5"));
    expect(file.kerasVersion).toBeUndefined();
    const ordered = file.weightsInOrder(["one", "two", "three"]);
    expectLayer(ordered, ["one"], CONV);
    expectLayer(ordered, ["two"], NORM);
    expectLayer(ordered, ["three"], CONV);
    expect(elements(file.weights.read(["convolution2d_2"], CONV))).toEqual(
      CONV.map((wanted) => patternOf("three", wanted)),
    );
    expect(() => file.weightsInOrder(["one", "two"])).toThrow(
      "The file keras1.h5 has weights for 3 layers, where the network has 2 layers with weights.",
    );
  });

  test("of numbered arrays keep no order", async () => {
    const file = await fixture("keras3.keras");
    expect(() => file.weightsInOrder([])).toThrow("keeps no order");
  });
});

describe("types of numbers", () => {
  const read = async (layer: string, shape: number[]) =>
    (await fixture("types.h5")).weights.read([layer], weights({ kernel: shape }));

  test.each([
    ["half", [2, 3]],
    ["double", [2, 3]],
    ["packed", [20, 30]],
  ])("%s becomes float32", async (layer, shape) => {
    const wanted = { name: "kernel", shape };
    expect(elements(await read(layer, shape))).toEqual([patternOf(layer, wanted)]);
  });

  test.each([
    ["big", "is stored big-endian"],
    ["whole", "has no weights for the layer whole"],
  ])("%s is refused", async (layer, sentence) => {
    await expect(read(layer, [2, 3])).rejects.toThrow(sentence);
  });
});

describe("what does not agree is named", () => {
  test.each([
    ["keras3.h5", "first/kernel"],
    ["keras3.keras", "layers/conv2d/vars/0"],
  ])("in %s", async (name, array) => {
    const { weights: stored } = await fixture(name);
    const shape = weights({ kernel: [3, 3, 3, 2], bias: [2] });
    expect(() => stored.read(["first"], shape)).toThrow(array);
    expect(() => stored.read(["first"], shape)).toThrow(
      "has shape [1, 1, 3, 2], where kernel needs [3, 3, 3, 2].",
    );
    expect(() => stored.read(["first"], weights({ kernel: [1, 1, 3, 2] }))).toThrow(
      `has 2 arrays for the layer first`,
    );
    expect(() => stored.read(["third"], CONV)).toThrow(
      `The file ${name} has no weights for the layer third, which needs kernel, bias.`,
    );
    expect(() => stored.read(["base", "third"], CONV)).toThrow("no weights for the layer base/third");
    expect(() => stored.read(["drop"], CONV)).toThrow("no weights for the layer drop");
    expect(stored.read(["drop"], [])).toEqual([]);
  });
});

describe("what is no Keras file", () => {
  const config = { name: "config.json", content: "{}" };
  const weightsEntry = { name: "model.weights.h5", content: readFileSync(kerasFixture("keras3.weights.h5")) };

  test.each<readonly [title: string, content: Uint8Array | string, code: string, sentence: string]>([
    ["text", '{"weight_map": {}}', "INVALID_MODEL", "neither HDF5 (.h5) nor a zip archive (.keras)"],
    ["empty", "", "INVALID_MODEL", "neither HDF5"],
    [
      "another archive",
      zip([{ name: "a.txt", content: "a" }]),
      "INVALID_MODEL",
      "a zip archive without config.json",
    ],
    ["no weights", zip([config]), "INVALID_MODEL", "without model.weights.h5"],
    [
      "another form",
      zip([config, { name: "model.weights.npz", content: "" }]),
      "UNSUPPORTED",
      "another form",
    ],
    [
      "no JSON",
      zip([{ ...config, content: "{" }, weightsEntry]),
      "INVALID_MODEL",
      "config.json of x.keras is not JSON",
    ],
    ["two of a name", zip([config, config]), "INVALID_MODEL", "two entries config.json"],
    [
      "a wrong checksum",
      zip([{ ...config, declaredChecksum: 1 }]),
      "INVALID_MODEL",
      "checksum of its config.json is wrong",
    ],
    [
      "cut off",
      zip([config, weightsEntry]).subarray(0, 5000),
      "INVALID_MODEL",
      "cannot be read as a zip archive",
    ],
    ["no HDF5 inside", zip([config, { ...weightsEntry, content: "text" }]), "INVALID_MODEL", "as HDF5"],
  ])("%s", async (_, content, code, sentence) => {
    const path = join(folderWith({ "x.keras": content }), "x.keras");
    const error = await openKerasFile(path).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "HeadstartError", code });
    expect(String(error)).toContain(sentence);
  });

  test("an HDF5 file of something else, a folder, nothing, one file of several", async () => {
    await expect(openKerasFile(kerasFixture("other.h5"))).rejects.toThrow("it holds no weights of Keras");
    const folder = folderWith({ "m_00001.weights.h5": weightsEntry.content });
    await expect(openKerasFile(folder)).rejects.toThrow("is a folder");
    await expect(openKerasFile(join(folder, "x.h5"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(openKerasFile(join(folder, "m_00001.weights.h5"))).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  test.each([
    ["more than it has", { declaredSize: 10_000_000 }],
    ["less than it has", { declaredSize: 1000 }],
    ["more than JSON may have", { declaredSize: 2 ** 31 }],
  ])("an entry that claims %s", async (_, lie) => {
    const content = zip([{ ...config, content: " ".repeat(2000), compress: true, ...lie }, weightsEntry]);
    const path = join(folderWith({ "x.keras": content }), "x.keras");
    await expect(openKerasFile(path)).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });

  test("weights that unpack to far more than weights can", async () => {
    const bomb = { ...weightsEntry, content: new Uint8Array(2 ** 24), compress: true };
    const path = join(folderWith({ "x.keras": zip([config, bomb]) }), "x.keras");
    await expect(openKerasFile(path)).rejects.toThrow("unpack to far more than weights can");
  });
});

test("nothing is left among the temporary files, also where reading fails", async () => {
  const folder = folderWith({
    "x.keras": zip([
      { name: "config.json", content: "{}" },
      { name: "model.weights.h5", content: "" },
    ]),
  });
  const temporary = folderWith({});
  vi.stubEnv("TMPDIR", temporary);
  vi.stubEnv("TEMP", temporary);
  try {
    await openKerasFile(kerasFixture("keras3.keras"));
    await expect(openKerasFile(join(folder, "x.keras"))).rejects.toThrow();
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
  }
});

const published = shared("golden/keras/resnet50-notop-patterned.h5");

test.skipIf(!published)("100 MB of ResNet50 take less than three times that (needs ../shared)", async () => {
  const idle = process.memoryUsage().rss;
  let peak = idle;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const file = await openKerasFile(published ?? "");
  clearInterval(watch);
  expect(file.weights.unread()).toHaveLength(106);
  const [kernel] = file.weights.read(["conv1_conv"], weights({ kernel: [7, 7, 3, 64], bias: [64] }));
  expect(kernel && floats(kernel)).toHaveLength(9408);
  expect(peak - idle).toBeLessThan(3 * 94.8e6);
});

function weights(shapes: Readonly<Record<string, readonly number[]>>): WantedWeight[] {
  return Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
}

async function exampleConfig(): Promise<KerasFile["config"]> {
  return (await fixture("keras3.keras")).config;
}

/** Reads every layer, and expects that nothing else is in the file. */
function expectExample(stored: FileWeights): void {
  expect(new Set(stored.unread())).toEqual(new Set(EXAMPLE.map(([path]) => path.join("/"))));
  for (const [path, wanted] of EXAMPLE) expectLayer(stored, path, wanted);
  expect(stored.unread()).toEqual([]);
}

function expectLayer(stored: FileWeights, path: readonly string[], wanted: readonly WantedWeight[]): void {
  const tensors = stored.read(path, wanted);
  expect(tensors.map(({ dims }) => dims)).toEqual(wanted.map(({ shape }) => shape));
  expect(elements(tensors)).toEqual(wanted.map((weight) => patternOf(path.at(-1) ?? "", weight)));
}
