import { describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { type Dim, float32, floats, GraphBuilder, type Tensor } from "../onnx/index.js";
import { type ImageInputOptions, withImageInput } from "./input.js";

const wave = (dims: readonly number[]) =>
  float32(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3)),
  );

/** Photos [2, 3, 8, 8] with whole numbers from 0 to 255. */
const image = float32(
  [2, 3, 8, 8],
  Array.from({ length: 2 * 3 * 64 }, (_, i) => (i * 37) % 256),
);

/** Features [N, 3] of photos in one layout and type: the mean of each channel times the first pixel. */
function network(
  shape: readonly Dim[],
  last: boolean,
  type: "float32" | "uint8" = "float32",
  enter: (b: GraphBuilder, x: string) => string = (b, x) =>
    type === "uint8" ? b.node("Cast", [x], { to: 1 }) : x,
) {
  const b = new GraphBuilder("network");
  const x = enter(b, b.input("x", type, shape));
  const means = b.node("ReduceMean", [x, b.integers(last ? [1, 2] : [2, 3])], { keepdims: 0 });
  const first = b.node("Slice", [
    x,
    b.integers([0, 0]),
    b.integers([1, 1]),
    b.integers(last ? [1, 2] : [2, 3]),
  ]);
  const pixel = b.node("Squeeze", [first, b.integers(last ? [1, 2] : [2, 3])]);
  b.output("features", "float32", ["N", 3], b.node("Mul", [means, pixel]));
  return b.build();
}

function expected(photos: Tensor): number[] {
  const values = floats(photos);
  return Array.from({ length: 6 }, (_, i) => {
    const plane = values.subarray(i * 64, (i + 1) * 64);
    return (plane.reduce((a, b) => a + b, 0) / 64) * (plane[0] ?? 0);
  });
}

const options: ImageInputOptions = { file: "network.onnx" };

async function check(graph: ReturnType<typeof network>, more: Partial<ImageInputOptions> = {}) {
  const ready = await withImageInput(graph, { ...options, ...more });
  expect(ready.inputs).toMatchObject([{ name: "image", type: "float32" }]);
  expect(ready.outputs).toMatchObject([{ name: "features", type: "float32", shape: ["N", 3] }]);
  const { features } = await runGraph(ready, { image });
  expect(worstDifference(floats(features ?? wave([0])), expected(image))).toBeLessThan(0.05);
  return ready;
}

describe("photos are put into the layout that a network takes", () => {
  test.each<[string, readonly Dim[], boolean]>([
    ["channels first", ["N", 3, 8, 8], false],
    ["channels first in open sizes", ["batch", 3, "h", "w"], false],
    ["channels last", ["N", 8, 8, 3], true],
    ["channels last in open sizes", ["unk__1", "unk__2", "unk__3", 3], true],
    ["nothing told but by the operators", ["a", "b", "c", "d"], false],
    ["nothing told but by the operators, channels last", ["a", "b", "c", "d"], true],
    ["one photo, channels last", [1, 8, 8, 3], true],
    ["one photo", [1, 3, 8, 8], false],
  ])("%s", async (_, shape, last) => {
    const ready = await check(network(shape, last));
    const sizes = last ? shape.slice(1, 3) : shape.slice(2);
    expect(ready.inputs[0]?.shape).toEqual([
      "N",
      3,
      ...sizes.map((dim, i) => (typeof dim === "number" ? dim : i === 0 ? "H" : "W")),
    ]);
  });

  test("a transposition at the entry is left out", async () => {
    const ready = await check(
      network(["N", 8, 8, 3], false, "float32", (b, x) => b.node("Transpose", [x], { perm: [0, 3, 1, 2] })),
    );
    expect(ready.nodes.map(({ op }) => op)).not.toContain("Transpose");
  });

  test("what does not tell has to be said", async () => {
    const b = new GraphBuilder("network");
    const x = b.input("x", "float32", ["N", "A", "B", "C"]);
    const flat = b.node("Reshape", [x, b.integers([0, 192])]);
    b.output("features", "float32", ["N", 192], flat);
    const graph = b.build();
    await expect(withImageInput(graph, options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: "network.onnx takes x float32 [N, A, B, C], which does not tell where the colours are.",
      hint: expect.stringContaining("--layout NHWC"),
    });
    const last = await withImageInput(graph, { ...options, layout: "NHWC" });
    const { features } = await runGraph(last, { image });
    expect(floats(features ?? image)[1]).toBe(floats(image)[64]);
  });

  test.each<[string, readonly Dim[], Partial<ImageInputOptions>, RegExp]>([
    [
      "one that the file rules out",
      ["N", 3, 8, 8],
      { layout: "NHWC" },
      /which is not NHWC with three channels/,
    ],
    [
      "grey photos",
      ["N", 1, 8, 8],
      {},
      /takes x float32 \[N, 1, 8, 8\], which are no photos with three channels/,
    ],
  ])("%s is refused", async (_, shape, more, message) => {
    await expect(withImageInput(network(shape, false), { ...options, ...more })).rejects.toThrow(message);
  });
});

describe("bytes", () => {
  test("that the network turns into floating-point numbers at once come as those", async () => {
    const ready = await check(network(["N", 8, 8, 3], true, "uint8"));
    expect(ready.nodes.map(({ op }) => op)).not.toContain("Round");
  });

  test("that it uses otherwise are rounded, and kept between 0 and 255", async () => {
    const graph = network(["N", 3, 8, 8], false, "uint8", (b, x) =>
      b.node("Cast", [b.node("MaxPool", [x], { kernel_shape: [1, 1] })], { to: 1 }),
    );
    const ready = await check(graph);
    const fractions = float32(
      image.dims,
      floats(image).map((value) => (value === 255 ? 300 : value === 0 ? -7 : value + 0.3)),
    );
    const { features } = await runGraph(ready, { image: fractions });
    expect(worstDifference(floats(features ?? wave([0])), expected(image))).toBeLessThan(0.05);
  });
});

describe("what cannot take photos is refused", () => {
  test("several inputs, none, or another kind", async () => {
    const b = new GraphBuilder("two");
    const sum = b.node("Add", [b.input("x", "float32", ["N", 3, 8, 8]), b.input("mask", "float32", [1])]);
    b.output("features", "float32", ["N", 3], b.node("Flatten", [sum]));
    await expect(withImageInput(b.build(), options)).rejects.toThrow(
      "network.onnx does not take one float image [N, 3, H, W]: its inputs are x float32 [N, 3, 8, 8] and mask float32 [1].",
    );
    await expect(withImageInput(network(["N", 3, 8], false), options)).rejects.toThrow(
      /does not take one float image/,
    );
  });

  test("a network whose photos change each other", async () => {
    const b = new GraphBuilder("mixed");
    const x = b.input("x", "float32", [1, 3, 8, 8]);
    const means = b.node("ReduceMean", [x, b.integers([2, 3])], { keepdims: 0 });
    b.output("features", "float32", [1, 3], b.node("Softmax", [means], { axis: 0 }));
    await expect(withImageInput(b.build(), options)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message:
        "network.onnx takes batches of 1 photo only: in larger ones, photos change the features of others.",
      hint: "Export it with a batch of any size (dynamic axes).",
    });
  });

  test("a number of features that is not fixed", async () => {
    const b = new GraphBuilder("open");
    const x = b.input("x", "float32", ["N", 3, "H", "W"]);
    b.output("features", "float32", ["N", "?"], b.node("Flatten", [x]));
    await expect(withImageInput(b.build(), options)).rejects.toThrow(
      "The number of features of network.onnx is not fixed.",
    );
  });
});

test("an input of an unknown shape is taken where the layout is said", async () => {
  const graph = network(["N", 3, 8, 8], false);
  const open = { ...graph, inputs: graph.inputs.map((input) => ({ ...input, shape: undefined })) };
  await check(open, { layout: "NCHW" });
});

test("a network that ONNX Runtime cannot run for more photos is refused, naming the node", async () => {
  const b = new GraphBuilder("recurrent");
  const x = b.input("x", "float32", [1, 3, 8, 8]);
  const rows = b.node("Transpose", [b.node("Reshape", [x, b.integers([0, 3, 64])])], { perm: [1, 0, 2] });
  const weights = (name: string, columns: number) => b.constant(name, wave([1, 12, columns]));
  const state = b.constant("state", wave([1, 1, 3]));
  const inputs = [rows, weights("w", 64), weights("r", 3), "", "", state, state];
  const [, last = ""] = b.nodes("LSTM", inputs, 2, { hidden_size: 3 }, { name: "lstm" });
  b.output("features", "float32", [1, 3], b.node("Reshape", [last, b.integers([1, 3])]));
  await expect(withImageInput(b.build(), options)).rejects.toThrow(
    /network\.onnx takes batches of 1 photo only: its node .* \(LSTM\) is made for that number\./,
  );
});
