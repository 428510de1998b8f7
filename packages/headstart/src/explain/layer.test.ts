import { expect, test } from "vitest";
import { mapClassifier, pooledNetwork, transformer } from "../../test/support/map-networks.js";
import { GraphBuilder, inferShapes } from "../onnx/index.js";
import { describeLayer, mapLayers } from "./layer.js";

/** What a value [N, ...] that a layer normalisation or a convolution reads is taken for. */
function described(shape: readonly (number | string)[], readBy?: "LayerNormalization" | "MatMul") {
  const b = new GraphBuilder("value");
  const x = b.input("x", "float32", ["N", ...shape]);
  const value = b.node("Relu", [x], {}, { name: "value" });
  const scale = b.input("scale", "float32", [8]);
  const read = readBy === undefined ? value : b.node(readBy, [value, scale]);
  b.output("y", "float32", ["N", ...shape], read);
  return describeLayer(inferShapes(b.build()), "value");
}

test("feature maps and tokens are told apart, and where their channels are", () => {
  expect(described([8, 7, 5])).toMatchObject({ channelAxis: 1, channels: 8, height: 7, width: 5, prefix: 0 });
  expect(described([7, 5, 8], "LayerNormalization")).toMatchObject({ channelAxis: 3, height: 7, width: 5 });
  expect(described([49, 8])).toMatchObject({ rank: 3, channels: 8, height: 7, width: 7, prefix: 0 });
  expect(described([197, 8])).toMatchObject({ height: 14, width: 14, prefix: 1 });
  expect(described([261, 8])).toMatchObject({ height: 16, width: 16, prefix: 5 });
});

test("what has no places, or an unknown number, is no layer", () => {
  for (const shape of [[8], [8, 1, 1], [8, "H", "W"], [1, 8], [2, 8], [15, 8], [2, 3, 4, 5]])
    expect(described(shape)).toBeUndefined();
});

test("the layers of a network are those that everything goes through", () => {
  const names = (graph: ReturnType<typeof pooledNetwork>) =>
    mapLayers(inferShapes(graph), "logits").map(({ name }) => name);
  expect(names(pooledNetwork())).toEqual(["Conv", "shallow", "Conv_1", "deep"]);
  // Behind the last attention a class token no longer looks at the others.
  expect(names(transformer("class token")).slice(-2)).toEqual(["block0.attention", "block0.out"]);
  expect(names(transformer("average")).slice(-2)).toEqual(["block1.out", "norm"]);
  const branches = mapClassifier(({ b, drawn }, image) => {
    const stem = b.node("Conv", [image, drawn("stem.weight", [8, 3, 1, 1])], {}, { name: "stem" });
    const branch = b.node("Relu", [stem], {}, { name: "branch" });
    const sum = b.node("Add", [stem, branch], {}, { name: "sum" });
    const features = b.node("Flatten", [b.node("GlobalAveragePool", [sum])]);
    return b.node("Gemm", [features, drawn("head", [8, 3])]);
  });
  expect(names(branches)).toEqual(["stem", "sum"]);
});
