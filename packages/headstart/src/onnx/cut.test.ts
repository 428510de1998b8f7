import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { shared } from "../../test/support/shared.js";
import { type AttributeValue, GraphBuilder } from "./builder.js";
import { cut } from "./cut.js";
import { findFeatures } from "./features.js";
import type { Dim, Graph } from "./graph.js";
import { readModel } from "./read.js";
import { tensorOf } from "./scalars.js";
import { float32, floats, int64, type Tensor } from "./tensor.js";

function ramp(dims: readonly number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    "float32",
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(i)),
  );
}

/** A chain of nodes: each reads what the one before made, and constants. */
function chain(
  shape: readonly Dim[],
  ...steps: [op: string, constants?: Tensor[], attributes?: Record<string, AttributeValue>][]
): Graph {
  const b = new GraphBuilder("chain");
  let value = b.input("x", "float32", shape);
  for (const [i, [op, constants = [], attributes = {}]] of steps.entries())
    value = b.node(op, [value, ...constants.map((tensor) => b.constant(`c${i}`, tensor))], attributes, {
      name: `v${i}`,
    });
  b.output("scores", "float32", ["N", "?"], value);
  return b.build();
}

const image = ["N", 4, "H", "W"];
const pool: [string] = ["GlobalAveragePool"];

describe("findFeatures", () => {
  test.each<[string, Graph, string, string]>([
    ["Gemm", chain(image, pool, ["Flatten"], ["Gemm", [ramp([4, 3]), ramp([3])]]), "v1", "v2"],
    [
      "Gemm and softmax",
      chain(image, pool, ["Flatten"], ["Gemm", [ramp([4, 3])]], ["Softmax"], ["Identity"]),
      "v1",
      "v2",
    ],
    [
      "MatMul and Add",
      chain(["N", 4], ["Dropout"], ["MatMul", [ramp([4, 3])]], ["Add", [ramp([3])]], ["LogSoftmax"]),
      "v0",
      "v2",
    ],
    [
      "a convolution before pooling",
      chain(image, ["Relu"], ["Conv", [ramp([3, 4, 1, 1])]], ["Relu"], pool, ["Softmax", [], { axis: 1 }]),
      "v0",
      "v1",
    ],
    [
      "a convolution after pooling",
      chain(image, pool, ["Conv", [ramp([3, 4, 1, 1])]], ["Flatten"]),
      "v0",
      "v1",
    ],
    [
      "a convolution after pooling and another",
      chain(image, pool, ["Conv", [ramp([4, 4, 1, 1])]], ["HardSwish"], ["Conv", [ramp([3, 4, 1, 1])]]),
      "v2",
      "v3",
    ],
    ["the input itself", chain(["N", 4], ["Gemm", [ramp([3, 4])], { transB: 1 }]), "x", "v0"],
  ])("finds them before %s", (_, graph, features, logits) => {
    const found = findFeatures(graph);
    expect([found.features, found.logits]).toEqual([features, logits]);
    expect(found.reason).toMatch(new RegExp(`^${features} feeds .*\\.$`));
  });

  test("says what it looked at where there is no such layer", () => {
    const graph = chain(image, ["Conv", [ramp([3, 4, 3, 3])]], pool, ["Softmax"]);
    expect(() => findFeatures(graph)).toThrow(
      /no last fully connected layer.*Softmax v2, GlobalAveragePool v1, Conv v0\.$/,
    );
    expect(() => findFeatures(chain(image, ["Mul", [ramp([1])]]))).toThrow(/Identity scores, Mul v0/);
    expect(() => findFeatures(new GraphBuilder("empty").build())).toThrow("It has no nodes.");
  });
});

describe("cut", () => {
  test("averages maps of features", async () => {
    const graph = chain(image, ["Relu"], ["Conv", [ramp([3, 4, 1, 1])]], pool);
    const features = cut(graph, findFeatures(graph).features);
    expect(features.outputs).toEqual([{ name: "features", type: "float32", shape: ["N", 4] }]);
    expect(features.initializers.size).toBe(0);
    const made = await runGraph(features, { x: ramp([2, 4, 3, 3]) });
    expect(made.features?.dims).toEqual([2, 4]);
  });

  test("gives the numbers that the last layer reads", async () => {
    const graph = chain(image, pool, ["Flatten"], ["Gemm", [ramp([4, 3])]]);
    const x = ramp([2, 4, 5, 5]);
    const { features = float32([0], []) } = await runGraph(cut(graph, "v1"), { x });
    const { scores } = await runGraph(graph, { x });
    const weights = floats(ramp([4, 3]));
    const expected = Array.from({ length: 6 }, (_, i) =>
      floats(features)
        .subarray(Math.floor(i / 3) * 4, Math.floor(i / 3) * 4 + 4)
        .reduce((sum, value, k) => sum + value * (weights[k * 3 + (i % 3)] ?? 0), 0),
    );
    const got = scores === undefined ? [] : [...floats(scores)];
    for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });

  test("flattens single places, and makes room for the name", async () => {
    const b = new GraphBuilder("g");
    const pooled = b.node("GlobalAveragePool", [b.input("x", "float32", image)], {}, { name: "features" });
    b.output("y", "float32", ["N", 4, 1, 1], b.node("Neg", [pooled], {}, { name: "negative" }));
    const graph = cut(b.build(), "negative");
    expect(graph.nodes.map(({ op }) => op)).toEqual(["GlobalAveragePool", "Neg", "Flatten", "Identity"]);
    const { features } = await runGraph(graph, { x: ramp([2, 4, 3, 3]) });
    expect(features?.dims).toEqual([2, 4]);
    expect(cut(b.build(), "features").outputs[0]?.shape).toEqual(["N", 4]);
  });

  describe("averages over places, wherever the channels stand", () => {
    const x = ramp([2, 3, 5, 4]);
    const dense: [string, Tensor[]] = ["MatMul", [ramp([4, 7])]];
    test.each<[string, Graph, number]>([
      ["maps that nothing tells more of", chain(["N", 3, "H", "W"], ["Relu"]), 1],
      ["maps read by a dense layer at each place", chain(["N", 3, 5, 4], ["Relu"], ["Tanh"], dense), 3],
      [
        "maps of Keras, before they are averaged",
        chain(["N", "H", "W", 4], ["Relu"], ["ReduceMean", [int64([2], [1, 2])]]),
        3,
      ],
      [
        "maps before they are averaged by attributes",
        chain(["N", 3, "H", "W"], ["Relu"], ["ReduceMean", [], { axes: [2, 3] }]),
        1,
      ],
      [
        "maps that are normalised by layer",
        chain(["N", 3, 5, 4], ["Relu"], ["LayerNormalization", [ramp([4])]]),
        3,
      ],
      [
        "maps that are transposed for a convolution",
        chain(
          ["N", 3, 5, 4],
          ["Relu"],
          ["Transpose", [], { perm: [0, 3, 1, 2] }],
          ["Conv", [ramp([2, 4, 1, 1])]],
        ),
        3,
      ],
    ])("%s", async (_, graph, axis) => {
      const { features } = await runGraph(cut(graph, "v0"), { x });
      expect(features?.dims).toEqual([2, x.dims[axis]]);
      const rectified = (await runGraph(chain(["N", "A", "B", "C"], ["Relu"]), { x })).scores ?? x;
      const values = floats(rectified);
      const channels = x.dims[axis] ?? 1;
      const inner = axis === 1 ? 20 : 1;
      const means = Array.from({ length: 2 * channels }, (__, i) => {
        const own = values.filter(
          (___, at) =>
            Math.floor(at / 60) === Math.floor(i / channels) &&
            Math.floor(at / inner) % channels === i % channels,
        );
        return own.reduce((a, b) => a + b, 0) / own.length;
      });
      for (const [i, value] of floats(features ?? x).entries())
        expect(value).toBeCloseTo(means[i] ?? Number.NaN, 5);
    });

    test("tokens, and places in one row", async () => {
      const tokens = chain(["N", 15, 4], ["Relu"]);
      expect(cut(tokens, "v0").outputs[0]?.shape).toEqual(["N", 4]);
      const row = chain(
        ["N", 15, 4],
        ["Relu"],
        ["Transpose", [], { perm: [0, 2, 1] }],
        ["MatMul", [ramp([15, 2])]],
      );
      expect(cut(row, "v0").outputs[0]?.shape).toEqual(["N", 15]);
      const single = chain(["N", 1, 4], ["Relu"]);
      expect(cut(single, "v0").nodes.map(({ op }) => op)).toEqual(["Relu", "Flatten", "Identity"]);
    });
  });

  test("refuses what is no batch of features", () => {
    const graph = chain(image, pool, ["Flatten"], ["Gemm", [ramp([4, 3])]]);
    expect(() => cut(graph, "nothing")).toThrow('The graph chain has no value "nothing".');
    expect(() => cut(graph, "c2")).toThrow("depends on no input");
    const scalar = chain(["N"], ["Relu"]);
    expect(() => cut(scalar, "v0")).toThrow("no batch of features");
  });

  const files = ["golden/networks", "models"].flatMap((folder) => {
    const path = shared(folder);
    return path === undefined
      ? []
      : readdirSync(path)
          .filter((name) => name.endsWith(".onnx"))
          .map((name) => [name, `${path}/${name}`] as const);
  });
  test.skipIf(files.length === 0).each(files)("cuts %s (needs ../shared)", async (_, path) => {
    const graph = readModel(readFileSync(path));
    const features = cut(graph, findFeatures(graph).features);
    const [input] = features.inputs;
    const dims =
      input?.shape?.map((dim, axis) => (typeof dim === "number" ? dim : axis === 0 ? 2 : 64)) ?? [];
    const count = dims.reduce((a, b) => a * b, 1);
    const feeds = {
      [input?.name ?? ""]: tensorOf(
        input?.type ?? "float32",
        dims,
        Array.from({ length: count }, (__, i) => Math.sin(i)),
      ),
    };
    const made = (await runGraph(features, feeds)).features;
    const declared = features.outputs[0]?.shape;
    expect(made?.dims).toEqual([dims[0], declared?.[1]]);
  });
});
