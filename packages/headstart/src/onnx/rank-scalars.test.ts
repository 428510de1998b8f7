import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { GraphBuilder } from "./builder.js";
import { rankScalars } from "./rank-scalars.js";
import { float32 } from "./tensor.js";

test("gives scalars the rank of what ends in ones, and computes the same", async () => {
  const b = new GraphBuilder("update");
  const w = b.input("w", "float32", [2, 3, 1, 1]);
  const rate = b.input("rate", "float32", []);
  const moved = b.node("Sub", [w, b.node("Mul", [rate, b.node("Mul", [w, b.scalar(0.5)])])]);
  b.output("y", "float32", [2, 3, 1, 1], b.node("Add", [moved, b.node("Mul", [w, rate])]));
  const graph = b.build();
  const ranked = rankScalars(graph);
  expect(ranked.nodes.filter(({ op }) => op === "Reshape")).toHaveLength(1);
  const feeds = { w: float32([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]), rate: float32([], [0.1]) };
  expect(await runGraph(ranked, feeds)).toEqual(await runGraph(graph, feeds));
});

test("leaves everything else as it is", () => {
  const b = new GraphBuilder("update");
  const w = b.input("w", "float32", [2, 3, 3, 3]);
  const one = b.input("one", "float32", [1, 1]);
  b.output("y", "float32", [2, 3, 3, 3], b.node("Mul", [b.node("Mul", [w, b.scalar(0.5)]), one]));
  b.output("z", "float32", [1, 1], b.node("Mul", [one, b.scalar(2)]));
  const graph = b.build();
  expect(rankScalars(graph).nodes).toEqual(graph.nodes);
});
