import { describe, expect, test } from "vitest";
import { tinyClassifier } from "../../test/support/tiny-backbone.js";
import { float32, type Graph, GraphBuilder } from "../onnx/index.js";
import { ownScaling } from "./own-scaling.js";

/** A network that does something with its photos first, and then filters them. */
function beginning(first: (b: GraphBuilder, image: string) => string): Graph {
  const b = new GraphBuilder("begins");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  b.output("y", "float32", ["N", "A", "B", "C"], b.node("Relu", [first(b, image)]));
  return b.build();
}

const numbers = (b: GraphBuilder, values: readonly number[], dims = [1, values.length, 1, 1]) =>
  b.constant("numbers", float32(dims, Float32Array.from(values)));

describe("ownScaling", () => {
  test.each([
    ["Mul", [1 / 255], "the network itself multiplies by 0.003922"],
    ["Mul", [1 / 127.5], "the network itself multiplies by 0.007843"],
    ["Div", [255], "the network itself divides by 255"],
    ["Sub", [123.68, 116.779, 103.939], "the network itself subtracts 123.7, 116.8, 103.9"],
    ["Add", [-127.5], "the network itself adds -127.5"],
  ])("%s with %j is scaling of pixels from 0 to 255", (op, values, sentence) => {
    const graph = beginning((b, image) => b.node(op, [image, numbers(b, values)]));
    expect(ownScaling(graph)).toBe(sentence);
  });

  test.each([
    ["Mul", [2]],
    ["Div", [0.229, 0.224, 0.225]],
    ["Sub", [0.485, 0.456, 0.406]],
    // Not all of them can be meant for such pixels.
    ["Sub", [123.68, 0.5, 103.939]],
  ])("%s with %j is not: it makes sense for other values too", (op, values) => {
    expect(ownScaling(beginning((b, image) => b.node(op, [image, numbers(b, values)])))).toBeUndefined();
  });

  test("is found behind what keeps values as they are, and with the constant first", () => {
    const graph = beginning((b, image) => {
      const placed = b.node("Transpose", [b.node("Identity", [image])], { perm: [0, 2, 3, 1] });
      return b.node("Mul", [b.scalar(1 / 255), b.node("Cast", [placed], { to: 1 })]);
    });
    expect(ownScaling(graph)).toBe("the network itself multiplies by 0.003922");
  });

  test("is not found in a network that begins otherwise, or in two ways", () => {
    expect(ownScaling(tinyClassifier())).toBeUndefined();
    expect(ownScaling(beginning((b, image) => b.node("Relu", [image])))).toBeUndefined();
    const twice = beginning((b, image) =>
      b.node("Concat", [b.node("Mul", [image, b.scalar(1 / 255)]), image], { axis: 1 }),
    );
    expect(ownScaling(twice)).toBeUndefined();
    const byItself = beginning((b, image) => b.node("Mul", [image, image]));
    expect(ownScaling(byItself)).toBeUndefined();
  });

  test("is not taken from a constant of the size of photos", () => {
    const graph = beginning((b, image) =>
      b.node("Sub", [image, numbers(b, new Array<number>(27).fill(100), [1, 3, 3, 3])]),
    );
    expect(ownScaling(graph)).toBeUndefined();
  });
});
