import { describe, expect, test } from "vitest";
import { runGraph } from "../../../../test/support/run-graph.js";
import { float32, floats, type Graph, GraphBuilder, intsAttribute, prune } from "../../../onnx/index.js";
import { fusePadding } from "./fuse-padding.js";

/** A picture of negative numbers, zeros around it, and a layer that reads it; `before` stands between picture and zeros. */
function padded(op: "Conv" | "MaxPool", before: string | undefined, attributes = {}): Graph {
  const b = new GraphBuilder("padded");
  const x = b.input("x", "float32", ["N", 1, 4, 4]);
  const y = before === undefined ? x : b.node(before, [x]);
  const pads = b.node("Pad", [y, b.integers([0, 0, 1, 0, 0, 0, 2, 1]), "", b.integers([0, 1, 2, 3])], {
    mode: "constant",
  });
  const weight = op === "Conv" ? [b.constant("w", float32([1, 1, 3, 3], new Float32Array(9).fill(1)))] : [];
  const z = b.node(op, [pads, ...weight], { kernel_shape: [3, 3], ...attributes }, { name: "z" });
  b.output("z", "float32", ["N", 1, "?", "?"], z);
  return b.build();
}

const input = float32(
  [1, 1, 4, 4],
  Array.from({ length: 16 }, (_, i) => -1 - i),
);

describe("fusePadding", () => {
  test.each([
    ["a convolution", padded("Conv", undefined)],
    [
      "a convolution with pads of its own",
      padded("Conv", undefined, { pads: [0, 1, 1, 0], strides: [2, 2] }),
    ],
    ["a maximum over numbers that are not negative", padded("MaxPool", "Relu")],
  ])("%s pads by itself", async (_, graph) => {
    const fused = prune(fusePadding(graph));
    expect(fused.nodes.some(({ op }) => op === "Pad")).toBe(false);
    const before = (await runGraph(graph, { x: input })).z;
    const after = (await runGraph(fused, { x: input })).z;
    expect(after?.dims).toEqual(before?.dims);
    expect(after && [...floats(after)]).toEqual(before && [...floats(before)]);
  });

  test("a maximum over negative numbers keeps the zeros, in ONNX Runtime too", async () => {
    const graph = fusePadding(padded("MaxPool", undefined));
    expect(graph.nodes.some(({ op }) => op === "Pad")).toBe(true);
    const { z } = await runGraph(graph, { x: input });
    expect(z && floats(z)[0]).toBe(0);
  });

  test("a convolution that finds its pads by the size keeps them", () => {
    const graph = fusePadding(padded("Conv", undefined, { auto_pad: "SAME_UPPER" }));
    expect(graph.nodes.map(({ op }) => op)).toContain("Pad");
  });

  test("the zeros are added to the pads that are there", () => {
    const graph = prune(fusePadding(padded("Conv", undefined, { pads: [1, 1, 1, 1] })));
    expect(graph.nodes.flatMap((node) => intsAttribute(node, "pads") ?? [])).toEqual([2, 1, 3, 2]);
  });
});
