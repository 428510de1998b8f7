import { create } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, AttributeProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float, GraphBuilder, OPSET } from "./builder.js";
import { reads } from "./captures.js";
import { float32, floats, integers } from "./tensor.js";

/** A graph that adds 1 to `x`. */
function increment() {
  const b = new GraphBuilder("increment");
  b.output("y", "float32", ["N"], b.node("Add", [b.input("x", "float32", ["N"]), b.scalar(1)]));
  return b.build();
}

describe("GraphBuilder", () => {
  test("writes a graph that runs", async () => {
    const { y } = await runGraph(increment(), { x: float32([2], [1, 2]) });
    expect(y && [...floats(y)]).toEqual([2, 3]);
    expect(increment().opsets.get("")).toBe(OPSET);
  });

  test("stores equal scalars and lists once", () => {
    const b = new GraphBuilder("g");
    expect(b.scalar(1)).toBe(b.scalar(1));
    expect(b.scalar(0)).not.toBe(b.scalar(-0));
    expect(b.integers([1, 2])).toBe(b.integers([1, 2]));
    expect(b.integers([12])).not.toBe(b.integers([1, 2]));
    const list = b.build().initializers.get(b.integers([1, 2]));
    expect(list && integers(list)).toEqual([1, 2]);
  });

  test("makes names unique, and refuses an input or output twice", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "float32", []);
    expect([b.node("Relu", [x]), b.node("Relu", [x]), b.node("Neg", [x], {}, { name: "x" })]).toEqual([
      "Relu",
      "Relu_1",
      "x_1",
    ]);
    expect(b.nodes("Split", [x], 2)).toEqual(["Split.0", "Split.1"]);
    expect(() => b.input("x", "float32", [])).toThrow("already has a value x");
    expect(new Set(b.build().nodes.map(({ name }) => name)).size).toBe(4);
  });

  test("takes attributes of every kind", () => {
    const b = new GraphBuilder("g");
    b.node("Op", [], { i: 1, f: float(1), s: "s", list: [1], t: float32([], [1]) }, { domain: "mine" });
    const graph = b.build();
    expect([...(graph.nodes[0]?.attributes.values() ?? [])].map(({ kind }) => kind)).toEqual([
      "int",
      "float",
      "string",
      "ints",
      "tensor",
    ]);
    expect(graph.opsets.get("mine")).toBe(1);
  });

  test("includes a graph twice", async () => {
    const b = new GraphBuilder("twice");
    const once = b.include(increment(), { x: b.input("x", "float32", ["N"]) }).get("y") ?? "";
    const twice = b.include(increment(), { x: once }).get("y") ?? "";
    b.output("z", "float32", ["N"], twice);
    const { z } = await runGraph(b.build(), { x: float32([1], [5]) });
    expect(z && [...floats(z)]).toEqual([7]);
    expect(() => b.include(increment(), {})).toThrow("no value for its input x");
  });

  test("renames inside subgraphs what they capture", () => {
    const inner = new GraphBuilder("inner");
    const g = create(AttributeProtoSchema, {
      name: "body",
      type: AttributeProto_AttributeType.GRAPH,
      g: {
        node: [
          { opType: "Add", input: ["x", "own"], output: ["own2"] },
          { opType: "Neg", input: ["own2"], output: ["z"] },
        ],
        initializer: [{ name: "own" }],
        output: [{ name: "z" }],
      },
    });
    const x = inner.input("x", "float32", []);
    inner.node("If", [x], { body: { kind: "other", value: g } }, { name: "y" });
    const b = new GraphBuilder("outer");
    b.include(inner.build(), { x: b.input("image", "float32", []) });
    const [node] = b.build().nodes;
    expect(node && reads(node)).toEqual(["image", "image"]);
    expect(g.g?.node[0]?.input).toEqual(["x", "own"]);
  });

  test("goes on from a graph, and keeps what it was read from", () => {
    const b = GraphBuilder.from(increment());
    b.clearOutputs();
    b.output("z", "float32", ["N"], b.node("Neg", ["y"]));
    b.metadata("key", "value");
    const graph = b.build();
    expect(graph.outputs.map(({ name }) => name)).toEqual(["z"]);
    expect(graph.metadata.get("key")).toBe("value");
    expect(() => b.input("x", "float32", [])).toThrow("already has a value x");
  });

  test("refuses to mix versions of operators", () => {
    const old = { ...increment(), opsets: new Map([["", 7]]) };
    expect(() => new GraphBuilder("new").include(old, { x: "x" })).toThrow(
      "version 7 of the operators ai.onnx, not 20",
    );
  });
});
