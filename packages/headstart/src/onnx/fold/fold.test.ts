import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { shared } from "../../../test/support/shared.js";
import { type AttributeValue, float, GraphBuilder } from "../builder.js";
import { cut } from "../cut.js";
import { findFeatures } from "../features.js";
import type { Graph } from "../graph.js";
import { readModel } from "../read.js";
import { numbersOf, scalarOf, tensorOf } from "../scalars.js";
import { type DataType, float32, int64, type Tensor, uint8 } from "../tensor.js";
import { foldBatchNormalization } from "./batch-normalization.js";
import { foldConstants } from "./constants.js";

const code = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 };

/** A graph whose one node reads constants only. */
function constant(
  op: string,
  inputs: readonly Tensor[],
  attributes: Record<string, AttributeValue> = {},
): Graph {
  const b = new GraphBuilder("constant");
  const names = inputs.map((tensor) => b.constant("c", tensor));
  b.output("y", "float32", [], b.node(op, names, attributes));
  const graph = b.build();
  return {
    ...graph,
    outputs: graph.outputs.map((output) => ({ ...output, type: undefined, shape: undefined })),
  };
}

function difference(a: Tensor | undefined, b: Tensor | undefined): number {
  if (a === undefined || b === undefined || a.dims.join() !== b.dims.join()) return Number.NaN;
  const [x, y] = [numbersOf(a), numbersOf(b)];
  const scale = Math.max(1e-6, ...Array.from(x, Math.abs));
  return Math.max(
    0,
    ...Array.from(x, (value, i) =>
      Object.is(value, y[i]) ? 0 : Math.abs(value - (y[i] ?? Number.NaN)) / scale,
    ),
  );
}

function ramp(dims: readonly number[], type: DataType = "float32"): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    type,
    dims,
    Array.from({ length: count }, (_, i) => (type.startsWith("float") ? Math.sin(i) * 2 : i)),
  );
}

describe("foldConstants gives what ONNX Runtime gives for", () => {
  const cases: [string, Graph][] = [
    ["Add", constant("Add", [ramp([2, 3]), ramp([3])])],
    ["Sub", constant("Sub", [ramp([3, 1], "int64"), ramp([2], "int64")])],
    ["Mul", constant("Mul", [ramp([2, 1, 3]), ramp([4, 1])])],
    ["Div", constant("Div", [int64([4], [-7, 7, 9, -9]), int64([1], [2])])],
    ["Div of floats", constant("Div", [ramp([3]), float32([], [3])])],
    ["Mod", constant("Mod", [int64([4], [-7, 7, 9, -9]), int64([1], [4])])],
    ["Mod of a negative number", constant("Mod", [int64([2], [-7, 7]), int64([1], [-4])])],
    ["Pow", constant("Pow", [ramp([3]), float32([], [2])])],
    ["Neg", constant("Neg", [ramp([3])])],
    ["Sqrt", constant("Sqrt", [float32([3], [0, 2, 9])])],
    ["Cast to int64", constant("Cast", [float32([4], [-1.7, 1.7, 2.5, 0])], { to: code.int64 })],
    ["Cast to bool", constant("Cast", [float32([3], [-1.7, 0, 0.2])], { to: code.bool })],
    [
      "Cast to float16",
      constant("Cast", [float32([8], [1, 65504, 65519, 65520, 6e-8, 2e-8, 3.1e-5, 0.1])], {
        to: code.float16,
      }),
    ],
    [
      "Cast from float16",
      constant(
        "Cast",
        [
          {
            type: "float16",
            dims: [6],
            data: new Uint8Array([0, 0x7c, 1, 0, 0xff, 3, 0, 0x80, 0xff, 0xfb, 0, 0xfc]),
          },
        ],
        { to: code.float32 },
      ),
    ],
    ["Concat", constant("Concat", [ramp([2, 1]), ramp([2, 3])], { axis: -1 })],
    ["ConstantOfShape", constant("ConstantOfShape", [int64([2], [2, 3])], { value: int64([1], [7]) })],
    [
      "DequantizeLinear",
      constant("DequantizeLinear", [uint8([2, 2], [0, 128, 200, 255]), float32([], [0.1]), uint8([], [128])]),
    ],
    [
      "DequantizeLinear by axis",
      constant("DequantizeLinear", [ramp([2, 3], "int8"), float32([2], [0.5, 2])], { axis: 0 }),
    ],
    ["Expand", constant("Expand", [ramp([2, 1]), int64([3], [3, 1, 2])])],
    ["Flatten", constant("Flatten", [ramp([2, 3, 2])], { axis: 2 })],
    ["Gather", constant("Gather", [ramp([3, 4]), int64([2, 1], [-1, 0])], { axis: 1 })],
    ["Identity", constant("Identity", [ramp([2])])],
    ["Range", constant("Range", [int64([], [2]), int64([], [9]), int64([], [3])])],
    ["Reshape", constant("Reshape", [ramp([2, 6]), int64([3], [0, -1, 2])])],
    ["Shape", constant("Shape", [ramp([2, 6, 3])], { start: -2 })],
    [
      "Slice",
      constant("Slice", [
        ramp([4, 5]),
        int64([2], [3, -1]),
        int64([2], [0, -100]),
        int64([2], [0, 1]),
        int64([2], [-1, -2]),
      ]),
    ],
    ["Squeeze", constant("Squeeze", [ramp([1, 2, 1]), int64([1], [-1])])],
    ["Transpose", constant("Transpose", [ramp([2, 3, 4])], { perm: [2, 0, 1] })],
    ["Unsqueeze", constant("Unsqueeze", [ramp([2]), int64([2], [0, 2])])],
  ];

  test.each(cases)("%s", async (_, graph) => {
    const folded = foldConstants(graph);
    expect(folded.nodes.map(({ op }) => op).filter((op) => op !== "Identity")).toEqual([]);
    const { y } = await runGraph(graph, {});
    const made = folded.initializers.get("y");
    expect(made?.type).toBe(y?.type);
    expect(made?.dims).toEqual(y?.dims);
    expect(difference(made, y)).toBeLessThan(2e-7);
    // An output may be a constant.
    expect((await runGraph(folded, {})).y?.dims).toEqual(y?.dims);
  });
});

describe("foldConstants", () => {
  test("leaves what depends on an input, and what divides by zero", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "float32", [2]);
    b.output("y", "float32", [2], b.node("Add", [x, b.node("Neg", [b.scalar(2)])]));
    b.output("z", "int64", [1], b.node("Div", [b.integers([1]), b.integers([0])]));
    expect(foldConstants(b.build()).nodes.map(({ op }) => op)).toEqual([
      "Add",
      "Identity",
      "Div",
      "Identity",
    ]);
  });

  test("casts a constant like a value that is none", () => {
    const b = new GraphBuilder("g");
    const half = b.input("x", "float16", ["N"]);
    b.output(
      "y",
      "float16",
      [1],
      b.node("CastLike", [b.constant("c", float32([1], [1])), half], {}, { name: "like" }),
    );
    const folded = foldConstants(b.build());
    expect(folded.initializers.get("y")).toEqual(tensorOf("float16", [1], [1]));
    expect(folded.nodes).toHaveLength(0);
  });

  test("leaves casts of numbers that the type cannot hold", () => {
    for (const value of [300, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(foldConstants(constant("Cast", [float32([1], [value])], { to: code.uint8 })).nodes).toHaveLength(
        2,
      );
  });

  test("does not let a small graph fill the memory", () => {
    const b = new GraphBuilder("g");
    const wide = b.node("ConstantOfShape", [b.integers([2 ** 40])]);
    const wider = b.node("Expand", [b.scalar(1), b.integers([2 ** 20, 2 ** 20])]);
    b.output("y", "float32", [], wide);
    b.output("z", "float32", [], wider);
    let value = b.constant("c", float32([60_000], new Float32Array(60_000)));
    for (let i = 0; i < 5000; i++) value = b.node("Neg", [value]);
    b.output("w", "float32", [], value);
    const started = performance.now();
    expect(foldConstants(b.build()).nodes.length).toBeGreaterThan(2);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("foldBatchNormalization", () => {
  /** A layer, its normalisation, and something behind it. */
  function normalised(
    layer: "Conv" | "Gemm",
    options: { bias?: boolean; transB?: boolean; twice?: boolean } = {},
  ): Graph {
    const b = new GraphBuilder("g");
    const conv = layer === "Conv";
    const x = b.input("x", "float32", conv ? ["N", 4, 5, 5] : ["N", 4]);
    const dims = conv ? [6, 2, 3, 3] : options.transB ? [6, 4] : [4, 6];
    const inputs = [x, b.constant("w", ramp(dims)), ...(options.bias ? [b.constant("b", ramp([6]))] : [])];
    const made = b.node(layer, inputs, conv ? { group: 2 } : options.transB ? { transB: 1 } : {});
    const [scale, offset, mean] = ["scale", "offset", "mean"].map((name, i) =>
      b.constant(name, ramp([6 + i * 0])),
    );
    const variance = b.constant("variance", float32([6], [1, 2, 3, 0.5, 0.1, 4]));
    const normal = b.node("BatchNormalization", [made, scale ?? "", offset ?? "", mean ?? "", variance], {
      epsilon: float(0.001),
    });
    b.output("y", "float32", ["N", 6, "?", "?"].slice(0, conv ? 4 : 2), b.node("Relu", [normal]));
    if (options.twice) b.output("z", "float32", ["N", 6, "?", "?"], made);
    return b.build();
  }

  test.each([
    ["Conv", normalised("Conv")],
    ["Conv with bias", normalised("Conv", { bias: true })],
    ["Gemm", normalised("Gemm")],
    ["Gemm with transposed weights and bias", normalised("Gemm", { bias: true, transB: true })],
  ])("folds into %s", async (_, graph) => {
    const folded = foldBatchNormalization(graph);
    expect(folded.nodes.map(({ op }) => op)).toEqual([graph.nodes[0]?.op, "Relu", "Identity"]);
    expect([...folded.initializers.keys()]).not.toContain("variance");
    const feeds = {
      x: ramp(graph.inputs[0]?.shape?.map((dim) => (typeof dim === "number" ? dim : 2)) ?? []),
    };
    const [before, after] = [await runGraph(graph, feeds), await runGraph(folded, feeds)];
    expect(difference(after.y, before.y)).toBeLessThan(1e-5);
  });

  test("leaves a convolution that something else reads", () => {
    const graph = normalised("Conv", { twice: true });
    expect(foldBatchNormalization(graph)).toBe(graph);
  });

  const bottleneck = shared("golden/networks/bottleneck.onnx");
  test.skipIf(!bottleneck)("folds everything in an exported residual block (needs ../shared)", async () => {
    const graph = readModel(readFileSync(bottleneck ?? ""));
    const folded = foldBatchNormalization(foldConstants(graph));
    const operators = new Set(folded.nodes.map(({ op }) => op));
    expect([...operators].sort()).toEqual(["Add", "Conv", "Gemm", "MaxPool", "ReduceMean", "Relu"]);
    const feeds = { x: ramp([6, 3, 32, 32]) };
    const [before, after] = [await runGraph(graph, feeds), await runGraph(folded, feeds)];
    expect(difference(after.logits, before.logits)).toBeLessThan(1e-5);
  });

  const lite0 = shared("models/efficientnet-lite0-fp16.onnx");
  test.skipIf(!lite0)("keeps the features of EfficientNet-Lite0 (needs ../shared)", async () => {
    const whole = readModel(readFileSync(lite0 ?? ""));
    const graph = cut(whole, findFeatures(whole).features);
    const constants = foldConstants(graph);
    expect(constants.nodes.some(({ op }) => op === "Cast")).toBe(false);
    const folded = foldBatchNormalization(constants);
    expect(folded.nodes.some(({ op }) => op === "BatchNormalization")).toBe(false);
    const feeds = { image: ramp([2, 3, 96, 64]) };
    const before = await runGraph(graph, feeds);
    expect(difference((await runGraph(constants, feeds)).features, before.features)).toBeLessThan(1e-6);
    expect(difference((await runGraph(folded, feeds)).features, before.features)).toBeLessThan(1e-5);
  });

  test("scalars of every type convert", () => {
    expect([...scalarOf("float16", 1).data]).toEqual([0, 0x3c]);
    expect([...scalarOf("bfloat16", 1).data]).toEqual([0x80, 0x3f]);
    expect([...scalarOf("uint64", 2).data]).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
  });
});
