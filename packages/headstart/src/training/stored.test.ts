import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, int64 } from "../onnx/index.js";
import { composeStoredFront } from "./stored.js";

test("takes the features of the rows that are asked for, in their order", async () => {
  const stored = float32([3, 2], [1, 2, 3, 4, 5, 6]);
  const { features } = await runGraph(composeStoredFront(2), { stored, row: int64([4], [2, 0, 2, 1]) });
  expect(features?.dims).toEqual([4, 2]);
  expect(Array.from(floats(features ?? stored))).toEqual([5, 6, 1, 2, 5, 6, 3, 4]);
});
