import { describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { type AttributeValue, GraphBuilder } from "./builder.js";
import type { Dim, Graph } from "./graph.js";
import { openBatch } from "./open-batch.js";
import { float32, floats, int64, type Tensor } from "./tensor.js";

function ramp(dims: readonly number[], from = 0): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return float32(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin((i + from) * 1.7)),
  );
}

/** A network of one input `x` for a fixed number of photos. */
function network(shape: readonly Dim[], body: (b: GraphBuilder, x: string) => string): Graph {
  const b = new GraphBuilder("fixed");
  const y = body(b, b.input("x", "float32", shape));
  b.output("y", "float32", [shape[0] ?? 1, "?"], y);
  return b.build();
}

/** Runs a network for any number of photos on five, and the fixed one on as many as it takes at a time. */
async function compare(fixed: Graph, photo: readonly number[], batch = 1) {
  const open = openBatch(fixed);
  expect(open.inputs[0]?.shape?.[0]).toBe("N");
  expect(open.outputs[0]?.shape?.[0]).toBe("N");
  const size = photo.reduce((a, b) => a * b, 1);
  const { y } = await runGraph(open, { x: ramp([5 * batch, ...photo]) });
  expect(y?.dims[0]).toBe(5 * batch);
  const found = floats(y ?? ramp([0]));
  for (let i = 0; i < 5; i++) {
    const part = await runGraph(fixed, { x: ramp([batch, ...photo], i * batch * size) });
    const expected = floats(part.y ?? ramp([0]));
    const rows = found.slice(i * expected.length, (i + 1) * expected.length);
    expect(worstDifference(rows, expected)).toBeLessThan(1e-5);
  }
}

const perm = (...axes: number[]): Record<string, AttributeValue> => ({ perm: axes });

describe("shapes that were written down for one photo", () => {
  const cases: [string, readonly number[], (b: GraphBuilder, x: string) => string][] = [
    ["rows", [3, 4, 4], (b, x) => b.node("Reshape", [x, b.integers([1, 48])])],
    ["rows with an open length", [3, 4, 4], (b, x) => b.node("Reshape", [x, b.integers([1, -1])])],
    ["an open number of rows", [3, 4, 4], (b, x) => b.node("Reshape", [x, b.integers([-1, 48])])],
    ["copied rows", [3, 4, 4], (b, x) => b.node("Reshape", [x, b.integers([0, -1])])],
    [
      "windows and back",
      [4, 4, 3],
      (b, x) => {
        const parts = b.node("Reshape", [x, b.integers([1, 2, 2, 2, 2, 3])]);
        const ordered = b.node("Transpose", [parts], perm(0, 1, 3, 2, 4, 5));
        const windows = b.node("Reshape", [ordered, b.integers([4, 4, 3])]);
        const means = b.node("Softmax", [windows], { axis: 1 });
        return b.node("Reshape", [
          b.node("Reshape", [means, b.integers([1, 2, 2, 12])]),
          b.integers([1, 48]),
        ]);
      },
    ],
    [
      "the batch in the second place",
      [4, 6],
      (b, x) => {
        const second = b.node("Transpose", [x], perm(1, 0, 2));
        const heads = b.node("Reshape", [second, b.integers([4, 2, 3])]);
        const first = b.node("Softmax", [b.node("Transpose", [heads], perm(1, 0, 2))], { axis: 1 });
        const back = b.node(
          "Transpose",
          [b.node("Reshape", [first, b.integers([1, 2, 4, 3])])],
          perm(2, 0, 1, 3),
        );
        const rows = b.node("Reshape", [back, b.integers([4, 6])]);
        const product = b.node("MatMul", [rows, b.constant("w", ramp([6, 6]))]);
        return b.node("Transpose", [b.node("Reshape", [product, b.integers([4, 1, 6])])], perm(1, 0, 2));
      },
    ],
    [
      "a class token",
      [4, 6],
      (b, x) => b.node("Concat", [b.constant("token", ramp([1, 1, 6])), x], { axis: 1 }),
    ],
    [
      "a class token that is expanded",
      [4, 6],
      (b, x) => {
        const token = b.node("Expand", [b.constant("token", ramp([1, 1, 6])), b.integers([1, 2, 6])]);
        return b.node("Concat", [x, token], { axis: -2 });
      },
    ],
    [
      "a squeeze without axes",
      [6, 1, 1],
      (b, x) => b.node("MatMul", [b.node("Squeeze", [x]), b.constant("w", ramp([6, 2]))]),
    ],
    [
      "a resize to a size",
      [2, 3, 3],
      (b, x) => b.node("Resize", [x, "", "", b.integers([1, 2, 5, 6])], { mode: "nearest" }),
    ],
    [
      "a strided view",
      [6, 1, 1],
      (b, x) => {
        const flat = b.node("Reshape", [x, b.integers([-1])]);
        const all = b.constant("all", int64([1, 6, 1], [0, 1, 2, 3, 4, 5]));
        return b.node("Gather", [flat, all]);
      },
    ],
    [
      "a shape that follows the photos already",
      [3, 4],
      (b, x) => {
        const rows = b.node("Shape", [x], { start: 0, end: 1 });
        return b.node("Reshape", [x, b.node("Concat", [rows, b.integers([12])], { axis: 0 })]);
      },
    ],
  ];
  test.each(cases)("%s", async (_, photo, body) => {
    await compare(
      network([1, ...photo], (b, x) => {
        const y = body(b, x);
        // What is made is one row for each photo in the end.
        return b.node("Flatten", [y], { axis: 1 });
      }),
      photo,
    );
  });
});

test("a fixed number other than one", async () => {
  const fixed = network([4, 2, 3, 3], (b, x) => {
    const flat = b.node("Reshape", [x, b.integers([8, 9])]);
    return b.node("Reshape", [b.node("Softmax", [flat]), b.integers([4, 18])]);
  });
  await compare(fixed, [2, 3, 3], 4);
});

test("sizes that are open stay open", async () => {
  const fixed = network([1, 2, "H", "W"], (b, x) => {
    const flat = b.node("Reshape", [x, b.integers([1, 2, -1])]);
    return b.node("ReduceMax", [flat, b.integers([2])], { keepdims: 0 });
  });
  await compare(fixed, [2, 3, 5]);
});

test("a network for any number is returned as it is", () => {
  const graph = network(["N", 3], (b, x) => b.node("Relu", [x]));
  expect(openBatch(graph)).toBe(graph);
});

describe("is refused, naming the node", () => {
  test.each<[string, RegExp, readonly number[], (b: GraphBuilder, x: string) => string]>([
    [
      "picking the first photo",
      /batches of 1 photo only, and its node first \(Gather\) cannot be changed: it leaves no place for more/,
      [1, 3, 4],
      (b, x) => b.node("Gather", [x, b.constant("i", int64([], [0]))], { axis: 0 }, { name: "first" }),
    ],
    [
      "an average over all photos",
      /its node all \(ReduceMean\) cannot be changed/,
      [1, 3, 4],
      (b, x) => b.node("ReduceMean", [x], { keepdims: 1 }, { name: "all" }),
    ],
    [
      "a constant for each of several photos",
      /batches of 2 photos only, and its node joined \(Concat\) cannot be changed: it joins two, made for that many/,
      [2, 3, 4],
      (b, x) => b.node("Concat", [b.constant("two", ramp([2, 1, 4])), x], { axis: 1 }, { name: "joined" }),
    ],
  ])("%s", (_, message, shape, body) => {
    const attempt = () => openBatch(network(shape, body));
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });
});
