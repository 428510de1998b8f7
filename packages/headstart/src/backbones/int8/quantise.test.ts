import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { uniform } from "../../../test/support/check-gradients.js";
import {
  elementCount,
  float,
  float32,
  floats,
  type Graph,
  GraphBuilder,
  inferShapes,
  readModel,
  type Tensor,
  writeModel,
} from "../../onnx/index.js";
import { Runtime } from "../../runtime/index.js";
import { calibrate, type Statistics } from "./calibrate.js";
import { planInt8 } from "./plan.js";
import { prepareInt8 } from "./prepare.js";
import { quantise } from "./quantise.js";
import { scaleOf } from "./scale.js";

const runtime = Runtime.start({ threads: 1 });
const folder = await mkdtemp(join(tmpdir(), "headstart-test-"));
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true });
});

function random(seed: number, dims: readonly number[], low = -1): Tensor {
  return float32(dims, uniform(seed, elementCount(dims), low));
}

/** A graph from `image` [N, 3, 16, 16] to `y`. */
function graphOf(build: (b: GraphBuilder, image: string) => string, rank = 4): Graph {
  const b = new GraphBuilder("g");
  const y = build(b, b.input("image", "float32", ["N", 3, "H", "W"]));
  b.output(
    "y",
    "float32",
    Array.from({ length: rank }, (_, i) => `d${i}`),
    y,
  );
  return b.build();
}

let seed = 0;

/** A convolution that keeps the size, with random weights and bias. */
function conv(
  b: GraphBuilder,
  x: string,
  [inputs, outputs]: readonly [number, number],
  { kernel = 3, group = 1, stride = 1 } = {},
): string {
  const weight = b.constant("weight", random(++seed, [outputs, inputs / group, kernel, kernel]));
  const bias = b.constant("bias", random(++seed, [outputs]));
  const pad = (kernel - 1) / 2;
  return b.node("Conv", [x, weight, bias], {
    group,
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
}

function normalised(b: GraphBuilder, x: string, channels: number): string {
  const constants = (["scale", "offset", "mean", "variance"] as const).map((name) =>
    b.constant(name, random(++seed, [channels], name === "variance" ? 0.5 : -0.5)),
  );
  return b.node("BatchNormalization", [x, ...constants], { epsilon: float(1e-3) });
}

const relu = (b: GraphBuilder, x: string) => b.node("Relu", [x]);
const relu6 = (b: GraphBuilder, x: string) => b.node("Clip", [x, b.scalar(0), b.scalar(6)]);

interface Case {
  readonly build: (b: GraphBuilder, image: string) => string;
  /** Operators of the network that ONNX Runtime makes of it, without those that convert and move. */
  readonly operators: Readonly<Record<string, number>>;
  readonly rank?: number;
}

/** What remains of every network: conversions and moves, which are not counted. */
const MOVES = new Set(["Transpose", "QuantizeLinear", "DequantizeLinear", "Identity", "Flatten", "Reshape"]);

const CASES: Readonly<Record<string, Case>> = {
  "convolution, normalisation, Relu": {
    build: (b, x) =>
      normalised(b, conv(b, relu(b, normalised(b, conv(b, x, [3, 8], { stride: 2 }), 8)), [8, 4]), 4),
    operators: { QLinearConv: 2 },
  },
  "depthwise convolution, Clip": {
    build: (b, x) =>
      conv(
        b,
        relu6(b, normalised(b, conv(b, relu6(b, conv(b, x, [3, 8])), [8, 8], { group: 8 }), 8)),
        [8, 4],
        {
          kernel: 1,
        },
      ),
    operators: { QLinearConv: 3 },
  },
  "residual Add, Relu": {
    build: (b, x) => {
      const start = relu(b, conv(b, x, [3, 8]));
      return conv(b, relu(b, b.node("Add", [start, conv(b, start, [8, 8])])), [8, 4]);
    },
    operators: { QLinearConv: 3, QLinearAdd: 1 },
  },
  "Concat, MaxPool, AveragePool": {
    build: (b, x) => {
      const start = relu(b, conv(b, x, [3, 4]));
      const both = b.node("Concat", [start, conv(b, start, [4, 4])], { axis: 1 });
      const smaller = b.node("MaxPool", [both], { kernel_shape: [3, 3], strides: [2, 2] });
      return conv(b, b.node("AveragePool", [smaller], { kernel_shape: [2, 2] }), [8, 4]);
    },
    operators: { QLinearConv: 3, QLinearConcat: 1, NhwcMaxPool: 1, QLinearAveragePool: 1 },
  },
  "MaxPool behind the first layer": {
    build: (b, x) => {
      const start = relu(b, conv(b, x, [3, 8], { kernel: 7, stride: 2 }));
      return conv(b, b.node("MaxPool", [start], { kernel_shape: [3, 3], strides: [2, 2] }), [8, 4]);
    },
    operators: { QLinearConv: 2, NhwcMaxPool: 1 },
  },
  "normalisation before the convolution": {
    build: (b, x) => {
      const start = relu(b, conv(b, x, [3, 4]));
      const both = b.node("Concat", [start, conv(b, start, [4, 4])], { axis: 1 });
      return conv(b, relu(b, normalised(b, both, 8)), [8, 4]);
    },
    operators: { QLinearConv: 4, QLinearConcat: 1 },
  },
  "a factor and an offset for each channel": {
    build: (b, x) => {
      const scaled = b.node("Mul", [conv(b, x, [3, 8]), b.constant("factor", random(90, [1, 8, 1, 1], 0.5))]);
      return conv(b, relu(b, b.node("Add", [scaled, b.constant("offset", random(91, [8, 1, 1]))])), [8, 4]);
    },
    operators: { QLinearConv: 2 },
  },
  "squeeze and excite": {
    build: (b, x) => {
      const start = conv(b, x, [3, 8]);
      const swish = b.node("Mul", [start, b.node("Sigmoid", [start])]);
      const pooled = b.node("ReduceMean", [swish, b.integers([2, 3])]);
      const gate = conv(b, relu(b, conv(b, pooled, [8, 2], { kernel: 1 })), [2, 8], { kernel: 1 });
      return conv(b, b.node("Mul", [swish, b.node("Sigmoid", [gate])]), [8, 4]);
    },
    operators: { QLinearConv: 4, QLinearGlobalAveragePool: 1, QLinearSigmoid: 2, QLinearMul: 2 },
  },
  "pooling and Gemm": {
    build: (b, x) => {
      const pooled = b.node("GlobalAveragePool", [relu(b, conv(b, x, [3, 8]))]);
      const hidden = relu(
        b,
        b.node("Gemm", [
          b.node("Flatten", [pooled]),
          b.constant("weight", random(92, [8, 16])),
          b.constant("bias", random(93, [16])),
        ]),
      );
      const last = [hidden, b.constant("weight", random(94, [6, 16])), b.constant("bias", random(95, [6]))];
      return b.node("Gemm", last, { transB: 1 });
    },
    operators: { QLinearConv: 1, QLinearGlobalAveragePool: 1, QGemm: 2 },
    rank: 2,
  },
  "MatMul on tokens": {
    build: (b, x) => {
      const patches = b.node("Conv", [x, b.constant("weight", random(96, [8, 3, 4, 4]))], {
        strides: [4, 4],
      });
      const tokens = b.node("Transpose", [b.node("Reshape", [patches, b.integers([0, 8, -1])])], {
        perm: [0, 2, 1],
      });
      return b.node("MatMul", [tokens, b.constant("weight", random(97, [8, 6]))]);
    },
    operators: { QLinearConv: 1, MatMulIntegerToFloat: 1 },
    rank: 3,
  },
};

/** A graph in int8, calibrated on one batch. */
async function int8(
  graph: Graph,
  image: Tensor,
): Promise<{ float: Graph; network: Graph; statistics: Statistics }> {
  const prepared = prepareInt8(graph);
  const statistics = await calibrate(runtime, prepared, planInt8(prepared, new Set()), [{ image }]);
  return { float: prepared, network: quantise(prepared, statistics), statistics };
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

async function outputOf(graph: Graph, image: Tensor): Promise<Float32Array> {
  const session = await runtime.load(graph);
  const { y } = await session.run<"y">({ image });
  await session.close();
  return floats(y);
}

/** How many nodes of each operator ONNX Runtime makes of a graph. */
async function optimised(graph: Graph): Promise<Record<string, number>> {
  const optimizedModelFilePath = join(folder, "optimised.onnx");
  const session = await ort.InferenceSession.create(writeModel(graph), {
    optimizedModelFilePath,
    logSeverityLevel: 3,
  });
  await session.release();
  const counts: Record<string, number> = {};
  for (const { op } of readModel(await readFile(optimizedModelFilePath)).nodes)
    if (!MOVES.has(op)) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

describe.each(Object.entries(CASES))("%s", (_, { build, operators, rank }) => {
  const image = random(5, [2, 3, 16, 16]);

  test("makes nearly what it makes in float, and the same file each time", async () => {
    const graph = graphOf(build, rank);
    const { float: prepared, network } = await int8(graph, image);
    const expected = await outputOf(graph, image);
    expect(cosine(expected, await outputOf(prepared, image))).toBeGreaterThan(0.999999);
    expect(cosine(expected, await outputOf(network, image))).toBeGreaterThan(0.999);
    const again = await int8(graph, image);
    expect(Buffer.compare(writeModel(again.network), writeModel(network))).toBe(0);
  });

  test("becomes integer operators alone, with no rectification left", async () => {
    const { network } = await int8(graphOf(build, rank), image);
    expect(await optimised(network)).toEqual(operators);
  });

  test("works with any one layer left in float", async () => {
    const graph = graphOf(build, rank);
    const { float: prepared, statistics } = await int8(graph, image);
    const expected = await outputOf(graph, image);
    for (const { node } of planInt8(prepared, new Set()).steps.values()) {
      const network = quantise(prepared, statistics, new Set([node.outputs[0] ?? ""]));
      expect(cosine(expected, await outputOf(network, image))).toBeGreaterThan(0.999);
    }
  });

  test("is written, read and put into another graph", async () => {
    const { network } = await int8(graphOf(build, rank), image);
    const read = inferShapes(readModel(writeModel(network)));
    expect(read.values.get("y")?.type).toBe("float32");
    const b = new GraphBuilder("whole");
    const x = b.input("image", "float32", ["N", 3, "H", "W"]);
    const made = b.include(read, { image: b.node("Neg", [b.node("Neg", [x])]) });
    b.output("y", "float32", ["?"], made.get("y"));
    const whole = { ...b.build(), outputs: read.outputs };
    expect(await outputOf(whole, image)).toEqual(await outputOf(network, image));
  });
});

describe("quantise", () => {
  test("errs by no more than the scales give, whatever the shape, group and stride", async () => {
    const shapes = fc.record({
      group: fc.constantFrom(1, 2, 4),
      inputs: fc.integer({ min: 1, max: 3 }),
      outputs: fc.integer({ min: 1, max: 3 }),
      kernel: fc.constantFrom(1, 3, 5),
      stride: fc.integer({ min: 1, max: 2 }),
      size: fc.integer({ min: 5, max: 9 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ group, inputs, outputs, kernel, stride, size, ...rest }) => {
        seed = rest.seed;
        const channels = [inputs * group, outputs * group] as const;
        const b = new GraphBuilder("g");
        const x = b.input("image", "float32", ["N", channels[0], size, size]);
        b.output(
          "y",
          "float32",
          ["N", channels[1], "H", "W"],
          conv(b, x, channels, { kernel, group, stride }),
        );
        const image = random(rest.seed, [1, channels[0], size, size]);
        const { float: prepared, network, statistics } = await int8(b.build(), image);
        const [node] = prepared.nodes;
        const step = (name: string | undefined) =>
          scaleOf(statistics.ranges.get(name ?? "") ?? { min: 0, max: 0 }).scale;
        // Each product is off by half an input step times a weight and half a weight step times an input, the bias by as much as the weights
        // together, and the result is rounded once more. Weights and inputs are at most 1.
        const terms = inputs * kernel ** 2;
        const bound = step(node?.outputs[0]) + terms * (step("image") + 2 / 127);
        const expected = await outputOf(b.build(), image);
        for (const [i, value] of (await outputOf(network, image)).entries())
          expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThan(bound);
      }),
      { numRuns: 25 },
    );
  });

  test("takes back in the bias what rounding the weights moves", async () => {
    const graph = graphOf((b, x) => conv(b, b.node("Abs", [x]), [3, 16], { kernel: 5 }));
    const image = random(8, [4, 3, 16, 16]);
    const { float: prepared, statistics } = await int8(graph, image);
    const mean = async (network: Graph) => {
      const values = await outputOf(network, image);
      const expected = await outputOf(graph, image);
      const sums = new Float64Array(16);
      for (const [i, value] of values.entries()) {
        const channel = Math.floor(i / 256) % 16;
        sums[channel] = (sums[channel] ?? 0) + (value - (expected[i] ?? 0)) / (256 * 4);
      }
      return Math.sqrt(sums.reduce((sum, one) => sum + one * one, 0));
    };
    const corrected = await mean(quantise(prepared, statistics));
    const plain = await mean(quantise(prepared, { ...statistics, means: new Map() }));
    expect(corrected).toBeLessThan(0.6 * plain);
  });

  test("leaves layers in float that are named", async () => {
    const graph = graphOf((b, x) => conv(b, relu(b, conv(b, x, [3, 8])), [8, 4]));
    const image = random(9, [1, 3, 16, 16]);
    const { float: prepared, statistics } = await int8(graph, image);
    const [first = ""] = prepared.nodes[0]?.outputs ?? [];
    const network = quantise(prepared, statistics, new Set([first]));
    expect(network.nodes[0]?.op).toBe("Conv");
    expect(network.initializers.get(network.nodes[0]?.inputs[1] ?? "")?.type).toBe("float32");
    expect(cosine(await outputOf(graph, image), await outputOf(network, image))).toBeGreaterThan(0.999);
  });

  test("takes other sizes than it was calibrated on", async () => {
    const { float: prepared, network } = await int8(
      graphOf((b, x) => conv(b, relu(b, conv(b, x, [3, 8])), [8, 4])),
      random(10, [1, 3, 16, 16]),
    );
    const other = random(11, [3, 3, 31, 20]);
    expect(cosine(await outputOf(prepared, other), await outputOf(network, other))).toBeGreaterThan(0.999);
  });

  test("fits a bias that is far larger than the weights' steps", async () => {
    const graph = graphOf((b, x) =>
      b.node("Conv", [
        x,
        b.constant("weight", float32([1, 3, 1, 1], [1e-9, 1e-9, 1e-9])),
        b.constant("bias", float32([1], [5])),
      ]),
    );
    const image = random(12, [1, 3, 16, 16]);
    const { network } = await int8(graph, image);
    for (const value of await outputOf(network, image)) expect(value).toBeCloseTo(5, 3);
  });

  test("names a value whose range is missing", () => {
    const graph = prepareInt8(graphOf((b, x) => conv(b, x, [3, 8])));
    expect(() => quantise(graph, { ranges: new Map(), means: new Map() })).toThrow(
      "The range of the value image is not known.",
    );
  });
});

describe("prepareInt8", () => {
  test("refuses a graph that is quantised already", async () => {
    const { network } = await int8(
      graphOf((b, x) => conv(b, x, [3, 8])),
      random(13, [1, 3, 16, 16]),
    );
    expect(() => prepareInt8(network)).toThrow("quantised already");
  });
});
