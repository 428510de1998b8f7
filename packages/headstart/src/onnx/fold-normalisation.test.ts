import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float, GraphBuilder } from "./builder.js";
import { foldNormalisation } from "./fold-normalisation.js";
import type { Graph } from "./graph.js";
import { float32, floats, type Tensor } from "./tensor.js";

function waves(dims: readonly number[], phase = 0): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return float32(
    dims,
    Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase)),
  );
}

/** A layer of 4 outputs, given its filter, and its normalisation with scale and shift as inputs. */
function normalised(
  filter: readonly number[],
  x: readonly number[],
  op: string,
  attributes: Record<string, number>,
  options: { readonly bias?: boolean; readonly training?: boolean; readonly shown?: boolean } = {},
): { graph: Graph; feeds: Record<string, Tensor> } {
  const b = new GraphBuilder("layer");
  const feeds: Record<string, Tensor> = {};
  const input = (name: string, dims: readonly number[], phase: number) => {
    feeds[name] = waves(dims, phase);
    return b.input(name, "float32", dims);
  };
  const layer = [input("x", x, 0), input("w", filter, 1)];
  if (options.bias) layer.push(input("bias", [4], 2));
  const y = b.node(op, layer, attributes, { name: "y" });
  const mean = b.constant("mean", waves([4], 5));
  const variance = b.constant("variance", float32([4], [0.5, 1, 2, 3]));
  const norm = b.node(
    "BatchNormalization",
    [y, input("scale", [4], 3), input("shift", [4], 4), mean, variance],
    { epsilon: float(1e-3), ...(options.training && { training_mode: 1 }) },
  );
  if (options.shown) b.output("shown", "float32", x, y);
  b.output("z", "float32", x, b.node("Relu", [norm]));
  return { graph: b.build(), feeds };
}

test.each([
  ["Conv", [4, 3, 3, 3], [2, 3, 5, 5], {}],
  ["Conv", [4, 1, 3], [2, 4, 6], { group: 4 }],
  ["ConvTranspose", [3, 4, 2, 2], [2, 3, 4, 4], {}],
  ["Gemm", [3, 4], [5, 3], {}],
  ["Gemm", [4, 3], [5, 3], { transB: 1 }],
] as const)("puts normalisation behind %s %j into the filter", async (op, filter, x, attributes) => {
  for (const bias of [false, true]) {
    const { graph, feeds } = normalised(filter, x, op, { ...attributes }, { bias });
    const folded = foldNormalisation(graph);
    expect(folded.nodes.map((node) => node.op)).not.toContain("BatchNormalization");
    const [expected, found] = [await runGraph(graph, feeds), await runGraph(folded, feeds)];
    const [one, other] = [expected, found].map(({ z }) => (z ? Array.from(floats(z)) : []));
    expect(other?.length).toBe(one?.length);
    for (const [i, value] of (one ?? []).entries()) expect(other?.[i]).toBeCloseTo(value, 4);
  }
});

test("leaves alone what something else reads, what uses the batch and what nothing scales", () => {
  const [filter, x] = [
    [4, 3, 3, 3],
    [2, 3, 5, 5],
  ];
  const shown = normalised(filter, x, "Conv", {}, { shown: true }).graph;
  expect(foldNormalisation(shown)).toBe(shown);
  const training = normalised(filter, x, "Conv", {}, { training: true }).graph;
  expect(foldNormalisation(training)).toBe(training);
  const grouped = normalised([4, 2, 2, 2], [2, 4, 5, 5], "ConvTranspose", { group: 2 }).graph;
  expect(foldNormalisation(grouped)).toBe(grouped);
});

test("computes a known scale before the graph runs, and nothing for means of 0", () => {
  const b = new GraphBuilder("layer");
  const w = b.input("w", "float32", [2, 3, 1, 1]);
  const constant = (name: string, values: readonly number[]) => b.constant(name, float32([2], values));
  const y = b.node("Conv", [b.input("x", "float32", [1, 3, 4, 4]), w]);
  const norm = [constant("scale", [2, 4]), constant("shift", [1, -1]), constant("mean", [0, 0])];
  const z = b.node("BatchNormalization", [y, ...norm, constant("variance", [1, 4])], { epsilon: float(0) });
  b.output("z", "float32", [1, 2, 4, 4], z);
  const folded = foldNormalisation(b.build());
  expect(folded.nodes.map(({ op }) => op)).toEqual(["Reshape", "Mul", "Conv", "Identity"]);
  expect(folded.nodes[2]?.inputs[2]).toBe("shift");
  const slope = folded.initializers.get("Conv.slope");
  expect(slope && Array.from(floats(slope))).toEqual([2, 2]);
});
