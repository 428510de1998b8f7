import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, GraphBuilder } from "../onnx/index.js";
import { addMovingMean, emaDecayAt } from "./ema.js";

test("the decay rises from 2/11 to what it is in the long run", () => {
  expect(emaDecayAt(0.999, 1)).toBeCloseTo(2 / 11, 12);
  expect(emaDecayAt(0.999, 80)).toBeCloseTo(0.9, 12);
  expect(emaDecayAt(0.999, 9000)).toBe(0.999);
  expect(emaDecayAt(0.1, 1)).toBe(0.1);
});

test("a mean moves by its share of the way, and not at all where it is there already", async () => {
  const b = new GraphBuilder("mean");
  const mean = b.input("mean", "float32", [3]);
  const value = b.input("value", "float32", [3]);
  const rest = b.input("rest", "float32", []);
  b.output("next", "float32", [3], addMovingMean(b, { mean, value, rest }));
  const { next } = await runGraph(b.build(), {
    mean: float32([3], [1, -2, 0.1]),
    value: float32([3], [2, 2, 0.1]),
    rest: float32([], [0.25]),
  });
  expect(next && [...floats(next)]).toEqual([1.25, -1, Math.fround(0.1)]);
});
