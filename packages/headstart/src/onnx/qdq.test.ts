import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { type AttributeValue, float, GraphBuilder } from "./builder.js";
import { toQdq } from "./qdq.js";
import { numbersOf, tensorOf } from "./scalars.js";
import { float32, type Tensor, uint8 } from "./tensor.js";

/** Whole numbers of a type that look unordered. */
function mixed(type: "uint8" | "int8" | "int32", dims: readonly number[], seed: number): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, (_, i) => ((i + seed) * 89) % 251);
  return tensorOf(type, dims, type === "uint8" ? values : values.map((value) => value - 125));
}

/** A quantised operator between `x` uint8, `scale` 0.02 and zero point 120, and an output of `scale` 0.1 and zero point 100. */
function network(
  op: string,
  x: Tensor,
  more: (b: GraphBuilder) => readonly string[],
  attributes: Record<string, AttributeValue> = {},
  domain = "com.microsoft",
) {
  const b = new GraphBuilder("quantised");
  const [scale, zero] = [b.scalar(0.02), b.constant("zero", uint8([], [120]))];
  const [outScale, outZero] = [b.scalar(0.1), b.constant("zero", uint8([], [100]))];
  const image = b.input("x", "uint8", x.dims);
  const first = op === "QLinearConcat" ? [] : [image, scale, zero];
  const out = op === "QLinearConcat" ? [] : [outScale, outZero];
  const inputs = [...first, ...more(b), ...out];
  const bias = inputs.findIndex((name) => name.startsWith("bias"));
  // A convolution's bias stands behind the output's scale, that of a product before it.
  if (op === "QLinearConv" && bias >= 0) inputs.push(...inputs.splice(bias, 1));
  const ordered = op === "QLinearConcat" ? [outScale, outZero, image, scale, zero, ...more(b)] : inputs;
  b.output("y", "uint8", ["?"], b.node(op, ordered, attributes, { domain }));
  return b.build();
}

const weights = (b: GraphBuilder, dims: readonly number[], scales: readonly number[]) => [
  b.constant("w", mixed("int8", dims, 3)),
  b.constant("ws", scales.length === 1 ? float32([], scales) : float32([scales.length], scales)),
  b.constant(
    "wz",
    tensorOf(
      "int8",
      scales.length === 1 ? [] : [scales.length],
      scales.map(() => 0),
    ),
  ),
];
const other = (b: GraphBuilder, dims: readonly number[]) => [
  b.constant("o", mixed("uint8", dims, 9)),
  b.scalar(0.03),
  b.constant("oz", uint8([], [130])),
];

describe("toQdq gives what ONNX Runtime's own operator gives", () => {
  const picture = mixed("uint8", [2, 3, 6, 5], 1);
  const rows = mixed("uint8", [4, 6], 1);
  const cases: [string, ReturnType<typeof network>, Tensor][] = [
    [
      "QLinearConv, one scale an output and a bias",
      network(
        "QLinearConv",
        picture,
        (b) => [
          ...weights(b, [4, 3, 3, 3], [0.01, 0.02, 0.005, 0.01]),
          b.constant("bias", mixed("int32", [4], 2)),
        ],
        { pads: [1, 1, 1, 1], strides: [2, 2] },
        "",
      ),
      picture,
    ],
    [
      "QLinearConv, one scale",
      network("QLinearConv", picture, (b) => weights(b, [4, 3, 1, 1], [0.02]), {}, ""),
      picture,
    ],
    ["QLinearMatMul", network("QLinearMatMul", rows, (b) => weights(b, [6, 3], [0.01]), {}, ""), rows],
    [
      "QGemm",
      network(
        "QGemm",
        rows,
        (b) => [...weights(b, [3, 6], [0.01, 0.02, 0.03]), b.constant("bias", mixed("int32", [3], 2))],
        { transB: 1, alpha: float(0.5) },
      ),
      rows,
    ],
    ["QLinearAdd", network("QLinearAdd", picture, (b) => other(b, [2, 3, 6, 5])), picture],
    ["QLinearMul", network("QLinearMul", picture, (b) => other(b, [3, 1, 1])), picture],
    ["QLinearSigmoid", network("QLinearSigmoid", rows, () => []), rows],
    ["QLinearLeakyRelu", network("QLinearLeakyRelu", rows, () => [], { alpha: float(0.2) }), rows],
    ["QLinearGlobalAveragePool", network("QLinearGlobalAveragePool", picture, () => []), picture],
    [
      "QLinearAveragePool",
      network("QLinearAveragePool", picture, () => [], { kernel_shape: [2, 2], strides: [2, 2] }),
      picture,
    ],
    ["QLinearConcat", network("QLinearConcat", picture, (b) => other(b, [2, 2, 6, 5]), { axis: 1 }), picture],
  ];
  test.each(cases)("%s", async (_, graph, x) => {
    const rewritten = toQdq(graph);
    expect(new Set(rewritten.nodes.map(({ domain }) => domain))).toEqual(new Set([""]));
    expect(rewritten.nodes.some(({ op }) => op.startsWith("Q") && op !== "QuantizeLinear")).toBe(false);
    const { y: expected } = await runGraph(graph, { x });
    const { y: found } = await runGraph(rewritten, { x });
    expect(found?.dims).toEqual(expected?.dims);
    const values = expected === undefined ? [] : Array.from(numbersOf(expected));
    expect(new Set(values).size).toBeGreaterThan(2);
    // Rounding may fall to either side.
    for (const [i, value] of Array.from(numbersOf(found ?? x)).entries())
      expect(Math.abs(value - (values[i] ?? Number.NaN))).toBeLessThanOrEqual(1);
  });
});

test("a graph without such nodes stays as it is", () => {
  const b = new GraphBuilder("plain");
  b.output("y", "float32", ["N"], b.node("Relu", [b.input("x", "float32", ["N"])]));
  const graph = b.build();
  expect(toQdq(graph)).toBe(graph);
});

test("what cannot be followed is named", () => {
  const rows = mixed("uint8", [4, 6], 1);
  const last = network("QLinearGlobalAveragePool", rows, () => [], { channels_last: 1 });
  expect(() => toQdq(last)).toThrow(
    /\(QLinearGlobalAveragePool\) cannot be followed: its channels stand last/,
  );
  const open = network("QGemm", rows, (b) => [
    b.constant("w", mixed("int8", [6, 3], 1)),
    b.input("scale", "float32", []),
    b.constant("wz", tensorOf("int8", [], [0])),
    b.constant("bias", mixed("int32", [3], 2)),
  ]);
  expect(() => toQdq(open)).toThrow(/its scale scale is known at run time only/);
});
