import { describe, expect, test } from "vitest";
import { type AttributeValue, GraphBuilder } from "./builder.js";
import { findScores } from "./scores.js";
import { float32 } from "./tensor.js";

/** A classifier of three classes; `end` gets the scores `scores` [N, 3], and declares the outputs. */
function classifier(end: (b: GraphBuilder, scores: string) => void) {
  const b = new GraphBuilder("network");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [image])]);
  const weights = b.constant("weights", float32([3, 3], new Float32Array(9)));
  const scores = b.node("Gemm", [pooled, weights], {}, { name: "scores" });
  end(b, scores);
  return b.build();
}

/** The same with one output. */
const ending = (end: (b: GraphBuilder, scores: string) => string) =>
  findScores(classifier((b, scores) => b.output("answer", "float32", ["N", "K"], end(b, scores))));

const softmax = (b: GraphBuilder, value: string, attributes: Record<string, AttributeValue> = { axis: 1 }) =>
  b.node("Softmax", [value], attributes);

describe("findScores", () => {
  test("scores that come out as they are", () => {
    expect(ending((_, scores) => scores)).toMatchObject({ activation: "none" });
    expect(findScores(classifier((b, scores) => b.output("logits", "float32", ["N", 3], scores)))).toEqual({
      scores: "logits",
      activation: "none",
    });
  });

  test.each(["Softmax", "LogSoftmax"])("what goes into a %s", (op) => {
    const found = ending((b, scores) => b.node(op, [scores], { axis: 1 }));
    expect(found).toEqual({ scores: "scores", activation: "softmax" });
  });

  test("what goes into a sigmoid", () => {
    expect(ending((b, scores) => b.node("Sigmoid", [scores]))).toEqual({
      scores: "scores",
      activation: "sigmoid",
    });
  });

  test.each<[string, (b: GraphBuilder, scores: string) => string]>([
    ["the best class", (b, x) => b.node("ArgMax", [softmax(b, x)], { axis: 1 })],
    ["the best two", (b, x) => b.nodes("TopK", [softmax(b, x), b.integers([2])], 2)[1] ?? ""],
    ["an exponential of a LogSoftmax", (b, x) => b.node("Exp", [b.node("LogSoftmax", [x])])],
    ["a logarithm of a softmax", (b, x) => b.node("Log", [softmax(b, x)])],
    ["a cast", (b, x) => b.node("Cast", [softmax(b, x)], { to: 1 })],
    ["a change of form", (b, x) => b.node("Reshape", [softmax(b, x), b.integers([-1, 3])])],
    [
      "quantisation",
      (b, x) => {
        const scale = b.scalar(1 / 256);
        return b.node("DequantizeLinear", [b.node("QuantizeLinear", [softmax(b, x), scale]), scale]);
      },
    ],
  ])("%s behind a softmax is walked through", (_, end) => {
    expect(ending(end)).toEqual({ scores: "scores", activation: "softmax" });
  });

  test("a softmax in parts is one", () => {
    const found = ending((b, scores) => {
      const axes = b.integers([1]);
      const exponential = b.node("Exp", [scores]);
      return b.node("Div", [exponential, b.node("ReduceSum", [exponential, axes])]);
    });
    expect(found).toEqual({ scores: "scores", activation: "softmax" });
  });

  test("a temperature before the softmax stays in the scores", () => {
    const found = ending((b, scores) =>
      softmax(b, b.node("Div", [scores, b.scalar(2)], {}, { name: "tempered" })),
    );
    expect(found).toEqual({ scores: "tempered", activation: "softmax" });
  });

  test("a choice without a softmax leads back to the scores", () => {
    expect(ending((b, scores) => b.node("ArgMax", [scores], { axis: 1 }))).toMatchObject({
      activation: "none",
      scores: "scores",
    });
  });

  test("a change of form between the layer and the softmax", () => {
    const found = ending((b, scores) => {
      const maps = b.node("Reshape", [scores, b.integers([-1, 3, 1, 1])], {}, { name: "maps" });
      return b.node("Flatten", [softmax(b, maps)]);
    });
    expect(found).toEqual({ scores: "maps", activation: "softmax" });
  });

  test("of several outputs the one that its name says", () => {
    const graph = classifier((b, scores) => {
      b.output("label", "int64", ["N"], b.node("ArgMax", [scores], { axis: 1, keepdims: 0 }));
      b.output("hidden", "float32", ["N", 3], b.node("Sigmoid", [scores]));
      b.output("probabilities", "float32", ["N", 3], softmax(b, scores));
    });
    expect(findScores(graph)).toEqual({ scores: "scores", activation: "softmax" });
  });

  test("of several outputs one that comes from a fully connected layer", () => {
    const graph = classifier((b, scores) => {
      b.output("scores_of_maps", "float32", ["N", 3, "H", "W"], b.node("Relu", ["image"]));
      b.output("y", "float32", ["N", 3], b.node("Sigmoid", [scores]));
    });
    expect(findScores(graph).activation).toBe("sigmoid");
  });

  test("a network without a fully connected layer has none", () => {
    const b = new GraphBuilder("filter");
    b.output(
      "y",
      "float32",
      ["N", 3, "H", "W"],
      b.node("Relu", [b.input("image", "float32", ["N", 3, "H", "W"])]),
    );
    expect(() => findScores(b.build())).toThrow(
      expect.objectContaining({ code: "INVALID_MODEL", message: expect.stringContaining("filter") }),
    );
  });
});
