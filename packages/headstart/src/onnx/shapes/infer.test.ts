import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { shared } from "../../../test/support/shared.js";
import { type AttributeValue, float, GraphBuilder } from "../builder.js";
import type { Dim, Graph } from "../graph.js";
import { readModel } from "../read.js";
import { tensorOf } from "../scalars.js";
import { type DataType, float32, int64, type Tensor, uint8 } from "../tensor.js";
import { inferShapes } from "./infer.js";

function ramp(dims: readonly number[], type: DataType = "float32"): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    type,
    dims,
    Array.from({ length: count }, (_, i) => (i % 7) + 1),
  );
}

/** One node that reads the input `x` and constants; its outputs stand open. */
function single(
  op: string,
  x: Tensor,
  constants: readonly (Tensor | undefined)[],
  attributes: Record<string, AttributeValue>,
  outputs: number,
): Graph {
  const b = new GraphBuilder("single");
  const names = constants.map((tensor) => (tensor === undefined ? "" : b.constant("c", tensor)));
  const made = b.nodes(op, [b.input("x", x.type, x.dims), ...names], outputs, attributes);
  const graph = b.build();
  return { ...graph, outputs: made.map((name) => ({ name, type: undefined, shape: undefined })) };
}

const image = ramp([2, 4, 7, 6]);

describe("inferShapes agrees with ONNX Runtime on", () => {
  const cases: [string, Tensor, (Tensor | undefined)[]?, Record<string, AttributeValue>?, number?][] = [
    [
      "Conv",
      image,
      [ramp([6, 2, 3, 3])],
      { group: 2, strides: [2, 1], pads: [0, 1, 2, 1], dilations: [1, 2] },
    ],
    ["Conv", image, [ramp([6, 4, 3, 2])], { auto_pad: "SAME_UPPER", strides: [2, 2] }],
    ["Conv", image, [ramp([6, 4, 3, 2])], { auto_pad: "VALID", strides: [3, 2] }],
    [
      "ConvTranspose",
      image,
      [ramp([4, 3, 3, 3])],
      { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] },
    ],
    ["ConvTranspose", image, [ramp([4, 1, 3, 3])], { group: 4, dilations: [2, 1] }],
    ["ConvTranspose", image, [ramp([4, 3, 3, 3])], { strides: [2, 2], output_shape: [14, 12] }],
    ["MaxPool", image, [], { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 0] }, 2],
    ["MaxPool", image, [], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
    ["AveragePool", image, [], { kernel_shape: [2, 2], strides: [3, 3], ceil_mode: 1, pads: [1, 1, 1, 1] }],
    ["GlobalAveragePool", image],
    ["DepthToSpace", image, [], { blocksize: 2 }],
    ["DepthToSpace", image, [], { blocksize: 2, mode: "CRD" }],
    ["SpaceToDepth", ramp([2, 3, 4, 6]), [], { blocksize: 2 }],
    ["GatherND", image, [int64([3, 2], [0, 1, 1, 3, 1, 0])]],
    ["GatherND", image, [int64([2, 5, 1], [0, 1, 2, 3, 0, 0, 1, 2, 3, 0])], { batch_dims: 1 }],
    ["GlobalMaxPool", image],
    ["BatchNormalization", image, [ramp([4]), ramp([4]), ramp([4]), ramp([4])]],
    ["LayerNormalization", image, [ramp([7, 6])], { axis: -2 }],
    ["InstanceNormalization", image, [ramp([4]), ramp([4])]],
    ["Softmax", image, [], { axis: 1 }],
    ["Relu", image],
    ["Clip", image, [float32([], [0])]],
    ["PRelu", image, [ramp([4, 1, 1])]],
    ["Dropout", image, [], {}, 2],
    ["Add", image, [ramp([3, 1, 1, 1, 6])]],
    ["Greater", image, [ramp([6])]],
    ["Where", ramp([2, 1], "bool"), [ramp([3]), ramp([1])]],
    ["Gemm", ramp([3, 2]), [ramp([3, 5]), ramp([5])], { transA: 1 }],
    ["Gemm", ramp([2, 3]), [ramp([5, 3])], { transB: 1 }],
    ["MatMul", image, [ramp([3, 1, 1, 6, 5])]],
    ["Einsum", ramp([2, 3, 4]), [ramp([4, 5])], { equation: "bij, jk -> bki" }],
    ["MatMul", ramp([3]), [ramp([2, 3, 4])]],
    ["MatMul", ramp([2, 3]), [ramp([3])]],
    ["ReduceMean", image, [int64([2], [-1, 0])], { keepdims: 0 }],
    ["ReduceSum", image, [int64([0], [])], { noop_with_empty_axes: 1 }],
    ["ReduceMax", image],
    ["ArgMax", image, [], { axis: -1, keepdims: 0 }],
    ["TopK", image, [int64([1], [3])], { axis: 1 }, 2],
    ["Reshape", image, [int64([4], [0, -1, 3, 2])]],
    ["Flatten", image, [], { axis: -1 }],
    ["Transpose", image, [], { perm: [3, 0, 1, 2] }],
    ["Transpose", image],
    ["Concat", image, [ramp([2, 1, 7, 6])], { axis: 1 }],
    ["Split", image, [int64([2], [3, 1])], { axis: 1 }, 2],
    ["Split", image, [], { axis: 2, num_outputs: 3 }, 3],
    ["Slice", image, [int64([2], [-1, 1]), int64([2], [-9, 100]), int64([2], [2, 3]), int64([2], [-2, 2])]],
    ["Gather", image, [int64([2, 3], [0, 1, 2, 0, 1, 2])], { axis: 2 }],
    ["GatherElements", ramp([3, 3]), [int64([2, 3], [0, 1, 2, 0, 1, 2])]],
    ["Squeeze", ramp([1, 3, 1]), [int64([1], [0])]],
    ["Squeeze", ramp([1, 3, 1])],
    ["Unsqueeze", image, [int64([2], [0, -1])]],
    ["Expand", ramp([2, 1]), [int64([3], [3, 1, 4])]],
    ["Tile", ramp([2, 1]), [int64([2], [3, 4])]],
    ["Pad", image, [int64([4], [1, 2, 0, -1]), undefined, int64([2], [2, -1])]],
    ["Shape", image, [], { start: 1, end: -1 }],
    ["Size", image],
    ["OneHot", ramp([2, 3], "int64"), [int64([], [5]), float32([2], [0, 1])], { axis: 1 }],
    ["Range", int64([], [2]), [int64([], [11]), int64([], [4])]],
    ["ConstantOfShape", int64([2], [2, 3])],
    ["Cast", image, [], { to: 7 }],
    ["CastLike", image, [uint8([1], [0])]],
    ["QuantizeLinear", image, [float32([], [0.5]), ramp([], "int8")]],
    ["DequantizeLinear", uint8([2], [1, 2]), [float32([], [0.5])]],
    ["Resize", image, [undefined, float32([4], [1, 1, 1.5, 0.4])]],
    ["Resize", image, [undefined, undefined, int64([2], [5, 9])], { axes: [2, 3] }],
    ["GridSample", image, [ramp([2, 3, 5, 2])]],
    ["AffineGrid", ramp([2, 2, 3]), [int64([4], [2, 3, 5, 6])]],
    ["DepthToSpace", image, [], { blocksize: 2 }],
    ["SpaceToDepth", ramp([1, 2, 4, 6]), [], { blocksize: 2 }],
    ["Not", ramp([2], "bool")],
    ["LeakyRelu", image, [], { alpha: float(0.1) }],
  ];

  test.each(cases)("%s %#", async (op, x, constants = [], attributes = {}, outputs = 1) => {
    const graph = single(op, x, constants, attributes, outputs);
    const { values } = inferShapes(graph);
    const made = await runGraph(graph, { x });
    for (const [name, { type, dims }] of Object.entries(made)) {
      const { type: found, shape } = values.get(name) ?? {};
      // Where sizes are contents of the input, they are not known before it runs.
      const open = op === "Range" || op === "ConstantOfShape";
      expect([found, open ? dims.length : shape]).toEqual([type, open ? shape?.length : dims]);
    }
  });

  test("windows of any size, stride, padding and dilation", async () => {
    const window = fc.record({
      size: fc.integer({ min: 1, max: 20 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 4 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      pads: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
    });
    const check = fc.asyncProperty(window, async ({ size, kernel, stride, dilation, pads }) => {
      fc.pre(size + pads[0] + pads[1] >= dilation * (kernel - 1) + 1);
      const attributes = { strides: [stride], dilations: [dilation], pads };
      const graph = single("Conv", ramp([1, 1, size]), [ramp([1, 1, kernel])], attributes, 1);
      const [made] = Object.entries(await runGraph(graph, { x: ramp([1, 1, size]) }));
      expect(inferShapes(graph).values.get(made?.[0] ?? "")?.shape).toEqual(made?.[1].dims);
    });
    await fc.assert(check, { seed: 5, numRuns: 60 });
  });
});

describe("inferShapes", () => {
  test("gives both branches of a residual the same names", () => {
    const b = new GraphBuilder("residual");
    const x = b.input("x", "float32", ["N", 4, "H", "W"]);
    const wide = b.constant("w3", ramp([4, 4, 3, 3]));
    const narrow = b.constant("w1", ramp([4, 4, 1, 1]));
    const left = b.node("Conv", [b.node("Conv", [x, wide], { pads: [1, 1, 1, 1], strides: [2, 2] }), wide], {
      pads: [1, 1, 1, 1],
      strides: [2, 2],
    });
    const right = b.node("Conv", [x, narrow], { strides: [4, 4] });
    b.output("y", "float32", ["N", 4, "?", "?"], b.node("Add", [left, right]));
    const { values } = inferShapes(b.build());
    expect(values.get(left)?.shape).toEqual(["N", 4, "floor((H + 3)/4)", "floor((W + 3)/4)"]);
    expect(values.get(right)?.shape).toEqual(values.get(left)?.shape);
    expect(values.get("y")?.shape).toEqual(values.get(left)?.shape);
  });

  test("follows shapes that are computed", () => {
    const b = new GraphBuilder("computed");
    const x = b.input("x", "float32", ["N", 8, "H", "W"]);
    const shape = b.node("Shape", [x]);
    const batch = b.node("Gather", [shape, b.constant("zero", int64([], [0]))]);
    const batches = b.node("Unsqueeze", [batch, b.integers([0])]);
    const spatial = b.node("Slice", [shape, b.integers([2]), b.integers([4])]);
    const places = b.node("ReduceProd", [spatial], { keepdims: 1 });
    const flat = b.node("Reshape", [x, b.node("Concat", [batches, b.integers([8, -1])], { axis: 0 })]);
    const doubled = b.node("Cast", [b.node("Mul", [b.node("Cast", [spatial], { to: 1 }), b.scalar(2)])], {
      to: 7,
    });
    const larger = b.node("Resize", [
      x,
      "",
      "",
      b.node("Concat", [batches, b.integers([8]), doubled], { axis: 0 }),
    ]);
    const wanted = b.node("Where", [
      b.node("Equal", [b.integers([-1]), b.integers([-1])]),
      batches,
      b.integers([-1]),
    ]);
    const rows = b.node("Expand", [b.scalar(1), wanted]);
    for (const name of [flat, larger, rows, places]) b.output(`out.${name}`, "float32", [], name);
    const { values } = inferShapes(b.build());
    expect(values.get(flat)?.shape).toEqual(["N", 8, "H*W"]);
    expect(values.get(larger)?.shape).toEqual(["N", 8, "2*H", "2*W"]);
    expect(values.get(rows)?.shape).toEqual(["N"]);
  });

  test("leaves what it does not know", () => {
    const b = new GraphBuilder("unknown");
    const x = b.input("x", "float32", [2]);
    const made = b.node("Unheard", [x], {}, { domain: "somewhere" });
    b.output("y", "float32", [2], b.node("Relu", [made]));
    const { values, outputs } = inferShapes(b.build());
    expect(values.get(made)).toEqual({ name: made, type: undefined, shape: undefined });
    expect(outputs[0]?.shape).toEqual([2]);
  });

  test.each<[string, string, Dim[], Tensor[], Record<string, AttributeValue>]>([
    ["sizes that do not broadcast", "Add", [3], [ramp([4])], {}],
    ["a size with two values", "Einsum", ["N", 3], [ramp([4, 5])], { equation: "ij,jk->ik" }],
    ["an inner size", "MatMul", ["N", 3], [ramp([4, 5])], {}],
    ["channels", "Conv", ["N", 3, "H", "W"], [ramp([8, 4, 3, 3])], {}],
    ["a window larger than the picture", "Conv", ["N", 3, 2, 2], [ramp([8, 3, 3, 3])], {}],
    ["an axis that is not there", "Concat", [3], [], { axis: 2 }],
    ["elements that do not fit", "Reshape", [3, 4], [int64([2], [5, -1])], {}],
    ["a stride of 0", "MaxPool", [1, 1, 4, 4], [], { kernel_shape: [2, 2], strides: [0, 1] }],
  ])("refuses %s, naming the node", (_, op, shape, constants, attributes) => {
    const b = new GraphBuilder("bad");
    const names = constants.map((tensor) => b.constant("c", tensor));
    b.node(op, [b.input("x", "float32", shape), ...names], attributes, { name: "culprit" });
    expect(() => inferShapes(b.build())).toThrow(/^The node culprit \(.*\) cannot work: .*\.$/);
  });

  const folder = shared("golden/networks");
  const files = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith(".onnx"));
  test.skipIf(files.length === 0).each(files)(
    "finds what the exporter says in %s (needs ../shared)",
    (name) => {
      const graph = readModel(readFileSync(`${folder}/${name}`));
      const bare = graph.outputs.map((output) => ({ ...output, type: undefined, shape: undefined }));
      const { values, outputs } = inferShapes({ ...graph, values: new Map(), outputs: bare });
      for (const said of [...graph.values.values(), ...graph.outputs]) {
        const found = values.get(said.name);
        expect([found?.name, found?.type, found?.shape]).toEqual([
          said.name,
          said.type,
          said.shape ?? found?.shape,
        ]);
      }
      expect(outputs.map(({ shape }) => shape)).toEqual(graph.outputs.map(({ shape }) => shape));
    },
  );
});
