import { describe, expect, test } from "vitest";
import { worstDifference } from "../../../test/support/figures.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { type AttributeValue, float, GraphBuilder } from "../builder.js";
import { float32, floats, uint8 } from "../tensor.js";
import { upgrade } from "./upgrade.js";

/** One node in a later version than 20. */
function later(opset: number, op: string, attributes: Record<string, AttributeValue> = {}) {
  const b = new GraphBuilder("later");
  const x = b.input("x", "float32", ["N"]);
  const more = /Linear$/.test(op) ? [b.scalar(0.1), b.constant("zero", uint8([], [100]))] : [];
  const y = b.node(op, [x, ...more], attributes, { name: "node" });
  b.output("y", "float32", ["N"], b.node("Cast", [y], { to: 1 }));
  return { ...b.build(), opsets: new Map([["", opset]]) };
}

const x = float32([5], [-3, -0.5, 0, 1, 2.5]);

describe("a graph of a later version is written in version 20", () => {
  test.each<[string, ReturnType<typeof later>, (x: number) => number]>([
    ["Relu", later(22, "Relu"), (v) => Math.max(v, 0)],
    ["Swish", later(24, "Swish"), (v) => v / (1 + Math.exp(-v))],
    ["Swish with a factor", later(24, "Swish", { alpha: float(2) }), (v) => v / (1 + Math.exp(-2 * v))],
    [
      "QuantizeLinear with new attributes",
      later(21, "QuantizeLinear", { block_size: 0, output_dtype: 0 }),
      (v) => Math.round(v * 10) + 100,
    ],
  ])("%s", async (_, graph, expected) => {
    const lowered = upgrade(graph);
    expect(lowered.opsets.get("")).toBe(20);
    const { y } = await runGraph(lowered, { x });
    expect(worstDifference(floats(y ?? x), Array.from(floats(x), expected))).toBeLessThan(1e-5);
  });
});

test.each<[string, ReturnType<typeof later>, RegExp]>([
  [
    "an operator that is new",
    later(23, "RMSNormalization"),
    /node \(RMSNormalization\).*has no such operator/,
  ],
  ["an operator that changed", later(21, "GroupNormalization"), /a scale for each channel since version 21/],
  ["blocks", later(21, "QuantizeLinear", { block_size: 16 }), /version 20 does not know its block_size/],
  ["a version from the future", later(99, "Relu"), /version 99 of ONNX is not known yet/],
])("%s is refused", (_, graph, message) => {
  expect(() => upgrade(graph)).toThrow(message);
  expect(() => upgrade(graph)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
});
