import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, property } from "../../test/support/check-gradients.js";
import { type Dim, GraphBuilder } from "../onnx/index.js";
import { differentiate } from "./differentiate.js";

/** Operators that bring the gradient of a sum back to the shape of its first term. */
function operators(x: readonly Dim[], other: readonly Dim[]): string[] {
  const b = new GraphBuilder("sum");
  b.input("x", "float32", x);
  b.input("other", "float32", other);
  b.output("loss", "float32", [], b.node("ReduceSum", [b.node("Add", ["x", "other"])], { keepdims: 0 }));
  const before = b.build().nodes.length;
  const { nodes } = differentiate(b.build(), "loss", ["x"]).graph;
  const copied = nodes.slice(before).findLastIndex(({ op }) => op === "Expand");
  return nodes.slice(before + copied + 1).map(({ op }) => op);
}

describe("reduceTo", () => {
  test.each<[string, Dim[], Dim[], string[]]>([
    ["nothing where the shapes are equal", [2, 3], [2, 3], []],
    ["nothing where names are equal", ["N", 3], ["N", 3], []],
    ["nothing where only the other one is broadcast", ["N", 3], [3], []],
    ["nothing where a size is known and the other is not", [4, 3], ["N", 3], []],
    ["nothing where both sizes are 1", [1, 3], [1, 3], []],
    ["one sum for axes that it lacks", [3], ["N", 3], ["ReduceSum"]],
    ["one sum for a scalar", [], ["?", 3], ["ReduceSum"]],
    ["one sum for axes of size 1", [1, 3, 1], ["N", 3, 4], ["ReduceSum"]],
    ["a sum and a squeeze for both", [3, 1], ["N", 3, 4], ["ReduceSum", "Squeeze"]],
  ])("emits %s", (_, x, other, expected) => {
    expect(operators(x, other)).toEqual(expected);
  });

  test.each<[string, Dim[], Dim[]]>([
    ["a name and a number", ["N"], [3]],
    ["two names", ["N"], ["M"]],
    ["sizes of which nothing is known", ["?"], ["?"]],
  ])("finds the axes at run time for %s", (_, x, other) => {
    expect(operators(x, other)).toContain("NonZero");
  });

  test("at run time it sums over what then is 1, and over nothing else", async () => {
    const sizes = fc.constantFrom([1, 4], [4, 1], [4, 4], [1, 1]);
    await property(sizes, ([first = 1, second = 1], seed) =>
      checkGradients(
        [
          { dims: [first, 3], declared: ["N", "?"] },
          { dims: [2, second, 3], declared: ["B", "M", "?"] },
        ],
        (b, x, y) => b.node("Mul", [x, y]),
        { seed },
      ),
    );
  });
});
