import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { float32, floats, GraphBuilder, type Tensor } from "../onnx/index.js";
import { addPreprocessing, type Preprocessing, preprocessingSchema } from "./preprocessing.js";

/** Keras's `preprocess_input` in its three modes. */
const MODES: Readonly<Record<string, Preprocessing>> = {
  caffe: { channels: "BGR", mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  tf: { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  torch: {
    channels: "RGB",
    mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
    std: [0.229 * 255, 0.224 * 255, 0.225 * 255],
  },
};

/** Prepares pixels [H, W, 3] and returns them in the same layout. */
async function prepare(pixels: Tensor, preprocessing: Preprocessing): Promise<Float32Array> {
  const b = new GraphBuilder("preprocessing");
  const photo = b.input("photo", "float32", ["H", "W", 3]);
  const planes = b.node("Transpose", [b.node("Unsqueeze", [photo, b.integers([0])])], { perm: [0, 3, 1, 2] });
  const prepared = addPreprocessing(b, planes, preprocessing);
  const rows = b.node("Transpose", [prepared], { perm: [0, 2, 3, 1] });
  b.output("prepared", "float32", ["H", "W", 3], b.node("Squeeze", [rows, b.integers([0])]));
  const found = await runGraph(b.build(), { photo: pixels });
  return floats(found.prepared ?? pixels);
}

test.each([
  ["caffe", [26.061, -66.779, -113.68]],
  ["tf", [10 / 127.5 - 1, 50 / 127.5 - 1, 130 / 127.5 - 1]],
  ["torch", [(10 / 255 - 0.485) / 0.229, (50 / 255 - 0.456) / 0.224, (130 / 255 - 0.406) / 0.225]],
])("%s, by hand", async (mode, expected) => {
  const found = await prepare(float32([1, 1, 3], [10, 50, 130]), MODES[mode] ?? never(mode));
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
});

const golden = shared("golden/keras/preprocess.safetensors");
test.skipIf(!golden).each(Object.entries(MODES))(
  "%s, as Keras does (needs ../shared)",
  async (mode, choice) => {
    const tensors = readSafetensors(golden ?? "");
    const input = tensors.get("input");
    const expected = tensors.get(mode);
    if (input === undefined || expected === undefined) throw new Error(`There is no ${mode}.`);
    const found = await prepare(input, choice);
    const wanted = floats(expected);
    expect(found).toHaveLength(wanted.length);
    const worst = found.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (wanted[i] ?? Number.NaN))),
      0,
    );
    expect(worst).toBeLessThan(mode === "caffe" ? 2e-5 : 1e-6);
  },
);

test.each([
  ["an unknown order of channels", { channels: "GBR", mean: [0, 0, 0], std: [1, 1, 1] }],
  ["two means", { channels: "RGB", mean: [0, 0], std: [1, 1, 1] }],
  ["a divisor of 0", { channels: "RGB", mean: [0, 0, 0], std: [1, 0, 1] }],
  ["a field that does not exist", { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1], scale: 2 }],
])("the schema refuses %s", (_, json) => {
  expect(preprocessingSchema.safeParse(json).success).toBe(false);
});

function never(what: string): never {
  throw new Error(`There is no mode ${what}.`);
}
