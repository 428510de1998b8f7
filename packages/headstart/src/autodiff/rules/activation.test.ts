import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { type AttributeValue, float, float32, GraphBuilder, OPSET } from "../../onnx/index.js";
import { differentiate } from "../differentiate.js";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.log1p(Math.exp(x));
const clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** The Taylor series of the error function (NIST's Digital Library of Mathematical Functions, 7.6.1). */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

type Case = [
  op: string,
  attributes: Record<string, AttributeValue>,
  f: (x: number) => number,
  corners: number[],
];

/** The functions as ONNX defines them, and where they have corners. */
const CASES: Case[] = [
  ["Relu", {}, (x) => Math.max(x, 0), [0]],
  ["Sigmoid", {}, sigmoid, []],
  ["Tanh", {}, Math.tanh, []],
  ["Softplus", {}, softplus, []],
  ["Softsign", {}, (x) => x / (1 + Math.abs(x)), [0]],
  ["Mish", {}, (x) => x * Math.tanh(softplus(x)), []],
  ["Gelu", {}, (x) => (x * (1 + erf(x / Math.SQRT2))) / 2, []],
  [
    "Gelu",
    { approximate: "tanh" },
    (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
    [],
  ],
  ["HardSigmoid", {}, (x) => clip(0.2 * x + 0.5, 0, 1), [-2.5, 2.5]],
  ["HardSigmoid", { alpha: float(0.5), beta: float(0.25) }, (x) => clip(0.5 * x + 0.25, 0, 1), [-0.5, 1.5]],
  ["HardSwish", {}, (x) => x * clip(x / 6 + 0.5, 0, 1), [-3, 3]],
  ["LeakyRelu", {}, (x) => (x < 0 ? 0.01 * x : x), [0]],
  ["LeakyRelu", { alpha: float(-0.5) }, (x) => (x < 0 ? -0.5 * x : x), [0]],
  ["Elu", {}, (x) => (x < 0 ? Math.expm1(x) : x), []],
  ["Elu", { alpha: float(0.5) }, (x) => (x < 0 ? 0.5 * Math.expm1(x) : x), [0]],
  ["Selu", {}, (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x), [0]],
  ["Selu", { alpha: float(0.5), gamma: float(2) }, (x) => 2 * (x < 0 ? 0.5 * Math.expm1(x) : x), [0]],
  ["Celu", { alpha: float(2) }, (x) => (x < 0 ? 2 * Math.expm1(x / 2) : x), []],
  ["Swish", {}, (x) => x * sigmoid(x), []],
  ["Swish", { alpha: float(-1.5) }, (x) => x * sigmoid(-1.5 * x), []],
  ["Shrink", {}, (x) => (Math.abs(x) > 0.5 ? x : 0), [-0.5, 0.5]],
  [
    "Shrink",
    { lambd: float(1), bias: float(0.25) },
    (x) => (Math.abs(x) > 1 ? x - 0.25 * Math.sign(x) : 0),
    [-1, 1],
  ],
  ["ThresholdedRelu", {}, (x) => (x > 1 ? x : 0), [1]],
  ["ThresholdedRelu", { alpha: float(-0.5) }, (x) => (x > -0.5 ? x : 0), [-0.5]],
];

const POINTS = [
  -4.2, -3.5, -2.9, -1.7, -1, -0.9, -0.6, -0.3, -0.01, 0, 0.02, 0.25, 0.7, 1.2, 1.9, 2.6, 3.1, 4.5,
];

/** Values on one side of a corner at 0, out of reach of the differences. */
function offCorner(seed: number): { low: number; high: number } {
  return seed % 2 === 0 ? { low: 0.1, high: 1 } : { low: -1, high: -0.1 };
}

describe("activations", () => {
  test.each(CASES)("%s %o has the slope of its function", async (op, attributes, f, corners) => {
    const points = POINTS.filter((x) => corners.every((corner) => Math.abs(x - corner) > 1e-3));
    const x = float32([points.length], points);
    const { x: found } = await gradientsOf(
      (b) => b.node(op, ["x"], attributes),
      { x },
      op === "Swish" ? 24 : OPSET,
    );
    for (const [i, point] of points.entries())
      expect(found?.[i], `at ${point}`).toBeCloseTo((f(point + 1e-5) - f(point - 1e-5)) / 2e-5, 5);
  });

  test.each(["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "Elu"])("%s of any shape", async (op) => {
    const drawn = shapes(0, 4).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));
    await property(
      drawn,
      (input, seed) =>
        checkGradients([{ ...input, ...offCorner(seed) }], (b, x) => b.node(op, [x]), {
          seed,
          type: "float32",
        }),
      8,
    );
  });

  test.each(["Relu", "Sigmoid", "Tanh"])("%s in float64", async (op) => {
    await property(shapes(0, 3), (dims, seed) =>
      checkGradients([{ dims }], (b, x) => b.node(op, [x]), { seed }),
    );
  });

  test.each([
    ["min and max", -0.3, 0.4],
    ["min", -0.3, undefined],
    ["max", undefined, 0.4],
    ["no bounds", undefined, undefined],
  ])("Clip with %s", async (_, min, max) => {
    for (const type of ["float64", "float32"] as const) {
      const bound = (b: GraphBuilder, value: number | undefined) =>
        value === undefined ? "" : b.node("Cast", [b.scalar(value)], { to: type === "float64" ? 11 : 1 });
      await property(
        shapes(0, 3),
        (dims, seed) =>
          checkGradients([{ dims }], (b, x) => b.node("Clip", [x, bound(b, min), bound(b, max)]), {
            seed,
            type,
          }),
        10,
      );
    }
  });

  test("PRelu, with the gradient of its slopes", async () => {
    const x = float32([2, 2, 2], [-1, 2, -3, 4, 5, -6, 0, -8]);
    const slope = float32([2, 1], [0.5, -2]);
    expect(await gradientsOf((b) => b.node("PRelu", ["x", "slope"]), { x, slope })).toEqual({
      x: [0.5, 1, -2, 1, 1, 0.5, -2, -2],
      slope: [-7, -11],
    });
    const drawn = shapes(1, 4).chain((dims) => declared(dims.slice(-2)).map((names) => ({ dims, names })));
    await property(drawn, ({ dims, names }, seed) =>
      checkGradients(
        [
          { dims, ...offCorner(seed) },
          { dims: dims.slice(-2), declared: names, low: 0.1, high: 0.9 },
        ],
        (b, value, below) => b.node("PRelu", [value, below]),
        { seed, type: "float32" },
      ),
    );
  });

  test("at their corners the slopes are those of PyTorch", async () => {
    const at = async (op: string, points: number[], attributes = {}) => {
      const x = float32([points.length], points);
      return (await gradientsOf((b) => b.node(op, ["x"], attributes), { x })).x;
    };
    expect(await at("Relu", [-1, -0, 0, 1e-30, 2])).toEqual([0, 0, 0, 1, 1]);
    expect(await at("LeakyRelu", [0], { alpha: float(0.25) })).toEqual([0.25]);
    expect(await at("HardSigmoid", [-2, 2], { alpha: float(0.25) })).toEqual([0, 0]);
    expect(await at("HardSwish", [-3, 3])).toEqual([0, 1]);
    expect(await at("ThresholdedRelu", [1])).toEqual([0]);
    expect(await at("Elu", [0], { alpha: float(0.5) })).toEqual([0.5]);
  });

  test("at two known bounds of Clip the gradient is that of PyTorch's ReLU6, otherwise that of its clamp", async () => {
    const x = float32([7], [-1, 0, 0.5, 6, 7, 5.9999995, 6.0000005]);
    const of = (min: number | undefined, max: number | undefined) =>
      gradientsOf(
        (b) => b.node("Clip", ["x", ...[min, max].map((one) => (one === undefined ? "" : b.scalar(one)))]),
        { x },
      );
    expect(await of(0, 6)).toEqual({ x: [0, 0, 1, 0, 0, 1, 0] });
    expect(await of(0, undefined)).toEqual({ x: [0, 1, 1, 1, 1, 1, 1] });
    expect(await of(undefined, 6)).toEqual({ x: [1, 1, 1, 1, 0, 1, 0] });
    const [low, high] = [float32([], [0]), float32([], [6])];
    const b = new GraphBuilder("bounds");
    for (const [name, dims] of [
      ["x", [7]],
      ["low", []],
      ["high", []],
    ] as const)
      b.input(name, "float32", dims);
    b.output(
      "loss",
      "float32",
      [],
      b.node("ReduceSum", [b.node("Clip", ["x", "low", "high"])], { keepdims: 0 }),
    );
    const { graph, gradients } = differentiate(b.build(), "loss", ["x"]);
    const shown = GraphBuilder.from(graph);
    shown.output("d_x", "float32", [7], gradients.get("x"));
    const { d_x } = await runGraph(shown.build(), { x, low, high });
    expect(d_x).toEqual(float32([7], [0, 1, 1, 1, 0, 1, 0]));
  });

  test("bounds that CastLike gives Clip their type are known, too", async () => {
    const x = float32([3], [0, 0.5, 6]);
    const like = (b: GraphBuilder, bound: number) => b.node("CastLike", [b.scalar(bound), "x"]);
    expect(await gradientsOf((b) => b.node("Clip", ["x", like(b, 0), like(b, 6)]), { x })).toEqual({
      x: [0, 1, 0],
    });
  });

  test("far away from 0, nothing overflows", async () => {
    const x = float32([4], [-1e30, -100, 100, 1e30]);
    for (const [op, expected] of [
      ["Relu", [0, 0, 1, 1]],
      ["Sigmoid", [0, 0, 0, 0]],
      ["HardSwish", [0, 0, 1, 1]],
      ["Elu", [0, 0, 1, 1]],
      ["Softplus", [0, 0, 1, 1]],
      ["Softsign", [0, 1 / 101 ** 2, 1 / 101 ** 2, 0]],
    ] as const) {
      const { x: found = [] } = await gradientsOf((b) => b.node(op, ["x"]), { x });
      for (const [i, value] of expected.entries()) expect(found[i], `${op} ${i}`).toBeCloseTo(value, 6);
    }
  });

  test("the mask of Relu in float32 reads y only and takes two operators", () => {
    const b = new GraphBuilder("relu");
    b.input("x", "float32", ["N", 3]);
    b.output("loss", "float32", [], b.node("ReduceSum", [b.node("Relu", ["x"])], { keepdims: 0 }));
    const graph = b.build();
    const { nodes } = differentiate(graph, "loss", ["x"]).graph;
    const made = nodes.slice(graph.nodes.length).slice(-2);
    expect(made.map(({ op }) => op)).toEqual(["HardSigmoid", "Mul"]);
    expect(made[0]?.inputs).toEqual(["Relu"]);
    expect(graph.opsets.get("")).toBe(OPSET);
  });
});
