import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { shared } from "../../../test/support/shared.js";
import { type AttributeValue, float, GraphBuilder } from "../builder.js";
import type { Attribute, Graph } from "../graph.js";
import { readModel } from "../read.js";
import { numbersOf } from "../scalars.js";
import { inferShapes } from "../shapes/infer.js";
import { float32, int64, type Tensor } from "../tensor.js";
import { upgrade } from "./upgrade.js";

/** A graph in an old version whose one node reads `x` and further constants. */
function old(
  opset: number,
  op: string,
  attributes: Record<string, AttributeValue>,
  options: { dims?: readonly number[]; constants?: readonly Tensor[]; outputs?: number } = {},
): Graph {
  const b = new GraphBuilder("old");
  const x = b.input("x", "float32", options.dims ?? [2, 4, 3, 3]);
  const constants = (options.constants ?? []).map((tensor) => b.constant("c", tensor));
  const outputs = b.nodes(op, [x, ...constants], options.outputs ?? 1, attributes);
  for (const [i, value] of outputs.entries()) b.output(`y${i}`, "float32", [], value);
  const graph = b.build();
  const shapeless = graph.outputs.map((output) => ({ ...output, type: undefined, shape: undefined }));
  return { ...graph, outputs: shapeless, opsets: new Map([["", opset]]) };
}

function ramp(dims: readonly number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return float32(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * 3),
  );
}

/** The largest relative difference between two tensors. */
function difference(a: Tensor | undefined, b: Tensor | undefined): number {
  if (a === undefined || b === undefined) return Number.NaN;
  const [x, y] = [numbersOf(a), numbersOf(b)];
  return Math.max(
    0,
    ...Array.from(x, (value, i) => Math.abs(value - (y[i] ?? Number.NaN)) / (Math.abs(value) + 1e-3)),
  );
}

const floatList = (...value: number[]): Attribute => ({ kind: "floats", value });

describe("upgrade keeps results of", () => {
  const cases: [string, Graph][] = [
    ["Clip", old(7, "Clip", { min: float(-1), max: float(2) })],
    ["Clip with one bound", old(9, "Clip", { max: float(0.5) })],
    ["Pad", old(7, "Pad", { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: float(7) })],
    ["Pad by reflection", old(10, "Pad", { mode: "reflect", pads: [0, 0, 1, 2, 0, 0, 0, 1] })],
    ["Slice", old(7, "Slice", { starts: [1, -2], ends: [3, 1000], axes: [1, 3] })],
    ["Slice without axes", old(9, "Slice", { starts: [0, 1], ends: [1, 3] })],
    ["Split", old(7, "Split", { axis: 1, split: [1, 3] }, { outputs: 2 })],
    ["Split in equal parts", old(11, "Split", { axis: 1 }, { outputs: 2 })],
    ["Split in equal parts of 13", old(13, "Split", { axis: 1 }, { outputs: 4 })],
    ["Squeeze", old(7, "Squeeze", { axes: [1] }, { dims: [2, 1, 3] })],
    ["Squeeze of all", old(11, "Squeeze", {}, { dims: [2, 1, 3] })],
    ["Unsqueeze", old(11, "Unsqueeze", { axes: [0, 3] }, { dims: [2, 3] })],
    ["ReduceMean", old(7, "ReduceMean", { axes: [2, 3], keepdims: 0 })],
    ["ReduceMean of all", old(13, "ReduceMean", {})],
    ["ReduceSum", old(11, "ReduceSum", { axes: [-1] })],
    ["ReduceL2", old(13, "ReduceL2", { axes: [1] })],
    ["Softmax of rows", old(7, "Softmax", {}, { dims: [3, 5] })],
    ["Softmax of a matrix seen", old(11, "Softmax", { axis: 1 }, { dims: [2, 3, 4] })],
    ["Softmax with places of 1", old(7, "Softmax", {}, { dims: [2, 5, 1, 1] })],
    ["Softmax from the end", old(12, "Softmax", { axis: -2 }, { dims: [2, 3, 4] })],
    ["LogSoftmax", old(9, "LogSoftmax", { axis: 0 }, { dims: [2, 3] })],
    ["Hardmax", old(11, "Hardmax", { axis: 1 }, { dims: [2, 3, 4] })],
    ["Dropout", old(7, "Dropout", { ratio: float(0.3) })],
    ["TopK", old(7, "TopK", { k: 2, axis: 1 }, { outputs: 2 })],
    ["Upsample by nearest", old(7, "Upsample", { mode: "nearest", scales: floatList(1, 1, 2, 2.5) })],
    [
      "Upsample linearly",
      old(9, "Upsample", { mode: "linear" }, { constants: [float32([4], [1, 1, 2, 3])] }),
    ],
    ["Resize of 10", old(10, "Resize", { mode: "nearest" }, { constants: [float32([4], [1, 1, 3, 2])] })],
    [
      "Resize of 10 that shrinks",
      old(
        10,
        "Resize",
        { mode: "nearest" },
        { constants: [float32([4], [1, 1, 0.5, 0.5])], dims: [1, 1, 7, 6] },
      ),
    ],
    [
      "Resize of 11",
      old(11, "Resize", { mode: "linear" }, { constants: [float32([0], []), float32([4], [1, 1, 2, 2])] }),
    ],
    ["GridSample", old(16, "GridSample", { mode: "bilinear" }, { constants: [ramp([2, 2, 2, 2])] })],
    [
      "BatchNormalization",
      old(
        7,
        "BatchNormalization",
        { epsilon: float(0.01), momentum: float(0.9), spatial: 1 },
        { constants: [ramp([4]), ramp([4]), ramp([4]), float32([4], [1, 2, 3, 4])] },
      ),
    ],
    ["Add", old(7, "Add", {}, { constants: [ramp([3])] })],
    ["AveragePool", old(7, "AveragePool", { kernel_shape: [2, 2], pads: [1, 1, 0, 0] })],
    ["MaxPool", old(8, "MaxPool", { kernel_shape: [2, 2] })],
    ["Flatten", old(7, "Flatten", {})],
    ["PRelu", old(7, "PRelu", {}, { constants: [ramp([4, 1, 1])] })],
    [
      "Scatter",
      old(
        9,
        "Scatter",
        { axis: 1 },
        { dims: [1, 4], constants: [int64([1, 2], [1, 3]), float32([1, 2], [9, 8])] },
      ),
    ],
    [
      "RoiAlign",
      old(
        10,
        "RoiAlign",
        { output_height: 2, output_width: 2 },
        { constants: [float32([1, 4], [0, 0, 2, 2]), int64([1], [0])] },
      ),
    ],
  ];

  test.each(cases)("%s", async (_, graph) => {
    const dims = graph.inputs[0]?.shape as number[];
    const before = await runGraph(graph, { x: ramp(dims) });
    const newer = upgrade(graph);
    expect(newer.opsets.get("")).toBe(20);
    const after = await runGraph(newer, { x: ramp(dims) });
    expect(Object.keys(after)).toEqual(Object.keys(before));
    const inferred = inferShapes(newer);
    for (const [name, tensor] of Object.entries(before)) {
      expect(after[name]?.dims).toEqual(tensor.dims);
      expect(difference(after[name], tensor)).toBeLessThan(1e-5);
      expect(inferred.values.get(name)?.shape).toEqual(tensor.dims);
    }
    // The shapes of the old form are found as well.
    const [output] = inferShapes(graph).outputs;
    expect(output?.shape).toEqual(before[output?.name ?? ""]?.dims);
  });
});

describe("upgrade", () => {
  test("returns a graph of that version as it is", () => {
    const today = new GraphBuilder("today").build();
    expect(upgrade(today)).toBe(today);
  });

  test("refuses versions before 7", () => {
    expect(() => upgrade(old(6, "Add", {}))).toThrow("version 6");
  });

  test("refuses what cannot be followed, by name", () => {
    expect(() => upgrade(old(9, "OneHot", {}))).toThrow(/OneHot.*negative indices/);
    expect(() => upgrade(old(9, "Unheard", {}))).toThrow(/Unheard.*no such operator/);
    expect(() => upgrade(old(7, "BatchNormalization", { spatial: 0 }))).toThrow(/BatchNormalization/);
    const twoWays = old(10, "Resize", {}, { constants: [float32([4], [1, 1, 2, 0.5])] });
    expect(() => upgrade(twoWays)).toThrow(/enlarges one side/);
  });

  test("leaves operators of other sets alone", () => {
    const b = new GraphBuilder("g");
    b.node("FusedConv", [b.input("x", "float32", [1])], {}, { domain: "com.microsoft" });
    const graph = {
      ...b.build(),
      opsets: new Map([
        ["", 7],
        ["com.microsoft", 1],
      ]),
    };
    expect(upgrade(graph).nodes).toEqual(graph.nodes);
  });

  const squeezenet = shared("models/squeezenet-fp16.onnx");
  test.skipIf(!squeezenet)("keeps the answers of SqueezeNet (needs ../shared)", async () => {
    const graph = readModel(readFileSync(squeezenet ?? ""));
    const dims = [1, 3, 224, 224];
    const data = new Uint8Array(2 * 3 * 224 * 224).map((_, i) => (i % 2 === 1 ? 0x4c + (i % 7) : i % 251));
    const feeds = { data_0: { type: "float16", dims, data } } as const;
    const before = await runGraph(graph, feeds);
    const after = await runGraph(upgrade(graph), feeds);
    // The newer kernels may round float16 numbers in another order.
    expect(difference(after.softmaxout_1, before.softmaxout_1)).toBeLessThan(2e-3);
  });
});
