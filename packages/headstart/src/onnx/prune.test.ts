import { describe, expect, test } from "vitest";
import { GraphBuilder } from "./builder.js";
import { prune } from "./prune.js";
import { renameValues } from "./rename.js";
import { float32 } from "./tensor.js";

function twoWays() {
  const b = new GraphBuilder("two");
  const [x, z] = [b.input("x", "float32", ["N"]), b.input("z", "float32", ["N"])];
  const w = b.constant("w", float32([1], [1]));
  const left = b.node("Add", [x, w], {}, { name: "left" });
  b.output("a", "float32", ["N"], b.node("Neg", [left], {}, { name: "negative" }));
  b.output("b", "float32", ["N"], b.node("Mul", [z, b.constant("v", float32([1], [2]))]));
  return b.build();
}

describe("prune", () => {
  test("keeps only what an output needs", () => {
    const graph = prune(twoWays(), ["a"]);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Add", "Neg", "Identity"]);
    expect([...graph.initializers.keys()]).toEqual(["w"]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["a"]);
  });

  test("ends at a value within, and says its shape", () => {
    const graph = prune(twoWays(), ["left"]);
    expect(graph.outputs).toEqual([{ name: "left", type: "float32", shape: ["N"] }]);
    expect(graph.nodes).toHaveLength(1);
  });

  test("keeps inputs if asked to, and refuses unknown values", () => {
    expect(prune(twoWays(), ["a"], { keepInputs: true }).inputs).toHaveLength(2);
    expect(prune(twoWays())).toEqual(twoWays());
    expect(() => prune(twoWays(), ["nothing"])).toThrow('has no value "nothing"');
  });
});

describe("renameValues", () => {
  test("renames wherever a value is named", () => {
    const graph = renameValues(
      twoWays(),
      new Map([
        ["x", "image"],
        ["w", "weight"],
        ["a", "answer"],
      ]),
    );
    expect(graph.inputs[0]?.name).toBe("image");
    expect(graph.nodes[0]?.inputs).toEqual(["image", "weight"]);
    expect(graph.outputs[0]?.name).toBe("answer");
    expect(graph.initializers.has("weight")).toBe(true);
  });
});
