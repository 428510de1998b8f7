import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { GraphBuilder } from "./builder.js";
import { merge } from "./merge.js";
import { inferShapes } from "./shapes/infer.js";
import { float32, floats } from "./tensor.js";

/** A graph that adds a number to `x`. */
function add(number: number, extra = false) {
  const b = new GraphBuilder(`add ${number}`);
  const sum = b.node("Add", [b.input("x", "float32", ["N"]), b.constant("w", float32([1], [number]))]);
  const whole = extra ? b.node("Mul", [sum, b.input("factor", "float32", [1])]) : sum;
  b.output("y", "float32", ["N"], whole);
  b.metadata("by", `${number}`);
  return b.build();
}

describe("merge", () => {
  test("runs one graph after the other, whatever their names", async () => {
    const first = add(1);
    const renamed = {
      ...first,
      outputs: [{ name: "middle", type: "float32" as const, shape: ["N"] }],
      nodes: first.nodes.map((node) => ({
        ...node,
        outputs: node.outputs.map((name) => (name === "y" ? "middle" : name)),
      })),
    };
    const graph = merge(renamed, add(10), { x: "middle" }, { keep: ["middle"] });
    const made = await runGraph(graph, { x: float32([1], [5]) });
    expect(Object.entries(made).map(([name, tensor]) => [name, ...floats(tensor)])).toEqual([
      ["y", 16],
      ["middle", 6],
    ]);
    expect(graph.metadata.get("by")).toBe("1");
  });

  test("gives an output a name of its own where the first graph has it", async () => {
    const graph = merge(add(1), add(10), { x: "y" });
    const [name = ""] = graph.outputs.map((output) => output.name);
    const made = await runGraph(graph, { x: float32([1], [5]) });
    expect(made[name] && [...floats(made[name])]).toEqual([16]);
    expect(Object.keys(made)).toHaveLength(1);
  });

  test("leaves inputs that are not joined", async () => {
    const graph = merge(add(1), add(2, true), { x: "y" });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "factor"]);
  });

  test("upgrades the older graph", async () => {
    const b = new GraphBuilder("old");
    b.output(
      "m",
      "float32",
      [1, 1],
      b.node("ReduceMean", [b.input("i", "float32", ["N", 3])], { axes: [0, 1] }),
    );
    const old = { ...b.build(), opsets: new Map([["", 11]]) };
    const graph = merge(old, add(1), { x: "m" });
    expect(graph.opsets.get("")).toBe(20);
    const made = await runGraph(graph, { i: float32([1, 3], [1, 2, 3]) });
    expect(made.y && [...floats(made.y)]).toEqual([3]);
  });

  test("says what does not exist", () => {
    expect(() => merge(add(1), add(2), { z: "y" })).toThrow("The graph add 2 has no input z.");
    expect(() => merge(add(1), add(2), { x: "z" })).toThrow("The graph add 1 has no value z.");
    expect(() => merge(add(1), add(2), { x: "y" }, { keep: ["z"] })).toThrow("has no output z");
  });
});

test("makes a value have the sizes that its reader declares", async () => {
  const front = new GraphBuilder("front");
  const image = front.input("image", "float32", ["N", "H", 3]);
  front.output("y", "float32", ["N", "H", 3], front.node("Relu", [image]));
  const back = new GraphBuilder("back");
  const x = back.input("x", "float32", ["N", 2, 3]);
  back.output("z", "float32", ["N", 2, 3], back.node("Neg", [x]));
  const whole = merge(front.build(), back.build(), { x: "y" });
  const { values } = inferShapes(whole);
  const [negated] = whole.nodes.find(({ op }) => op === "Neg")?.inputs ?? [];
  expect(values.get(negated ?? "")?.shape).toEqual(["N", 2, 3]);
  const { z } = await runGraph(whole, { image: float32([1, 2, 3], [1, -2, 3, -4, 5, -6]) });
  expect(z && Array.from(floats(z), Math.abs)).toEqual([1, 0, 3, 0, 5, 0]);
});
