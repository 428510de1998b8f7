import { existsSync, readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, GraphProtoSchema } from "onnx-buf";
import { expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { shared } from "../../test/support/shared.js";
import { GraphBuilder } from "./builder.js";
import { cut } from "./cut.js";
import { findFeatures } from "./features.js";
import { readModel } from "./read.js";
import { numbersOf, tensorOf } from "./scalars.js";
import { inferShapes } from "./shapes/infer.js";
import { toFloat32 } from "./single-precision.js";
import { float32, floats } from "./tensor.js";
import { upgrade } from "./upgrade/upgrade.js";

const halves = (dims: readonly number[]) => {
  const count = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    "float16",
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(i)),
  );
};

test.each(["float16", "float64"] as const)("a network in %s", async (type) => {
  const b = new GraphBuilder("other");
  const x = b.input("x", type, ["N", 4]);
  const weight = b.constant(
    "w",
    tensorOf(
      type,
      [4, 3],
      Array.from({ length: 12 }, (_, i) => i / 8 - 0.5),
    ),
  );
  const bound = b.node("Constant", [], { value: tensorOf(type, [], [0.25]) });
  const product = b.node("Max", [b.node("MatMul", [x, weight]), bound]);
  const filled = b.node("ConstantOfShape", [b.node("Shape", [product])], { value: tensorOf(type, [1], [2]) });
  const there = b.node("Cast", [b.node("Cast", [product], { to: 1 })], { to: type === "float16" ? 10 : 11 });
  b.output("y", type, ["N", 3], b.node("Mul", [there, b.node("CastLike", [filled, x])]));
  const graph = b.build();
  const single = toFloat32(graph);
  for (const { name, type: own } of inferShapes(single).values.values())
    if (!single.initializers.has(name)) expect(own).not.toBe(type);
  expect(single.inputs[0]?.type).toBe("float32");
  expect(single.outputs[0]?.type).toBe("float32");
  // Weights in half precision are stored as they were, so that a file does not grow.
  const stored = [...single.initializers.values()].filter(({ dims }) => dims.length === 2);
  expect(stored.map((tensor) => tensor.type)).toEqual([type === "float64" ? "float32" : type]);
  const values = [0.5, -1, 2, 0.25, 1, 1, -0.5, 3];
  const { y } = await runGraph(graph, { x: tensorOf(type, [2, 4], values) });
  const { y: found } = await runGraph(single, { x: float32([2, 4], values) });
  expect(found?.type).toBe("float32");
  expect(
    worstDifference(floats(found ?? float32([0], [])), y === undefined ? [] : numbersOf(y)),
  ).toBeLessThan(2e-3);
});

test("weights that are only stored in half precision stay as they are", () => {
  const b = new GraphBuilder("stored");
  const weight = b.node("Cast", [b.constant("w", halves([4, 3]))], { to: 1 });
  b.output("y", "float32", ["N", 3], b.node("MatMul", [b.input("x", "float32", ["N", 4]), weight]));
  const graph = b.build();
  expect(toFloat32(graph)).toBe(graph);
});

test("a branch within such a network is refused by name", () => {
  const b = new GraphBuilder("branch");
  const value = create(AttributeProtoSchema, { name: "then_branch", g: create(GraphProtoSchema, {}) });
  const x = b.input("x", "float16", ["N"]);
  b.output(
    "y",
    "float16",
    ["N"],
    b.node("If", [x], { then_branch: { kind: "other", value } }, { name: "choice" }),
  );
  expect(() => toFloat32(b.build())).toThrow(/around the node choice \(If\)/);
});

const squeezenet = shared("models/squeezenet-fp16.onnx") ?? "";
test.skipIf(!existsSync(squeezenet))(
  "SqueezeNet in half precision has the same features (needs ../shared)",
  async () => {
    const graph = upgrade(readModel(readFileSync(squeezenet)));
    const { features } = findFeatures(graph);
    const pixels = Array.from({ length: 3 * 224 * 224 }, (_, i) => ((i * 37) % 251) - 120);
    const half = await runGraph(cut(graph, features), {
      data_0: tensorOf("float16", [1, 3, 224, 224], pixels),
    });
    const single = await runGraph(cut(toFloat32(graph), features), {
      data_0: float32([1, 3, 224, 224], pixels),
    });
    const expected = half.features === undefined ? [] : Array.from(numbersOf(half.features));
    const largest = Math.max(...expected);
    expect(expected).toHaveLength(512);
    expect(largest).toBeGreaterThan(1);
    expect(worstDifference(floats(single.features ?? float32([0], [])), expected)).toBeLessThan(
      5e-3 * largest,
    );
  },
);
