import fc from "fast-check";
import { expect, test } from "vitest";
import { type Graph, GraphBuilder } from "../../onnx/index.js";
import { segmentsBetween } from "./articulation.js";

/** A graph whose nodes each add up some of the values before them; the last value is the result. */
function sums(choices: readonly (readonly number[])[]): Graph {
  const b = new GraphBuilder("sums");
  const values = [b.input("x", "float32", ["N", 4])];
  for (const chosen of choices)
    values.push(b.node("Sum", [...new Set(chosen.map((choice) => values[choice % values.length] ?? ""))]));
  b.output("y", "float32", ["N", 4], values.at(-1));
  return b.build();
}

/** Whether a path leads from the input to the output without touching a value. */
function bypasses({ nodes }: Graph, value: string): boolean {
  const reached = new Set(["x"].filter((name) => name !== value));
  for (const { inputs, outputs } of nodes)
    if (inputs.some((name) => reached.has(name)))
      for (const name of outputs) if (name !== value) reached.add(name);
  return reached.has("y");
}

test("articulation values are those without which nothing reaches the end", () => {
  const near = fc.array(fc.nat(60), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(near, { minLength: 1, maxLength: 14 }), (choices) => {
      const graph = sums(choices);
      const segments = segmentsBetween(graph, "x", "y");
      const expected = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => !bypasses(graph, name));
      // A node may be on no path from the input to the output; then what it makes is no articulation value either.
      expect(segments.map(({ to }) => to)).toEqual(expected);
      expect(segments.map(({ from }) => from)).toEqual(["x", ...expected.slice(0, -1)]);
    }),
    { numRuns: 300 },
  );
});

test("a residual block is one segment, and what stands in a row is one each", () => {
  const b = new GraphBuilder("residual");
  const x = b.input("x", "float32", ["N", 4]);
  const stem = b.node("Relu", [x], {}, { name: "stem" });
  const inner = b.node("Tanh", [stem]);
  const join = b.node("Add", [stem, b.node("Sigmoid", [inner])], {}, { name: "join" });
  b.node("Exp", [join]);
  b.output("y", "float32", ["N", 4], join);
  expect(
    segmentsBetween(b.build(), "x", "y").map(({ from, to, nodes }) => [from, to, nodes.map(({ op }) => op)]),
  ).toEqual([
    ["x", "stem", ["Relu"]],
    ["stem", "join", ["Tanh", "Sigmoid", "Add"]],
    ["join", "y", ["Identity"]],
  ]);
});

test("nodes that pass nothing on open no path", () => {
  const b = new GraphBuilder("shape");
  const x = b.input("x", "float32", ["N", 4]);
  const middle = b.node("Relu", [x], {}, { name: "middle" });
  const y = b.node("Reshape", [middle, b.node("Shape", [x])]);
  b.output("y", "float32", ["N", 4], y);
  const graph = b.build();
  const ends = (segments: ReturnType<typeof segmentsBetween>) => segments.map(({ to }) => to);
  expect(ends(segmentsBetween(graph, "x", "y"))).toEqual(["Reshape", "y"]);
  expect(ends(segmentsBetween(graph, "x", "y", ({ op }) => op !== "Shape"))).toEqual([
    "middle",
    "Reshape",
    "y",
  ]);
});
