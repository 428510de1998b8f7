import { describe, expect, test } from "vitest";
import { kerasBackbone } from "../../../test/support/backbones.js";
import { float32, type Graph, GraphBuilder } from "../../onnx/index.js";
import { loadBackbone } from "../backbone.js";
import { networkStages } from "./stages.js";

const starts = (graph: Graph, imageSize = 224) =>
  networkStages(graph, imageSize).stages.map(({ from }) => from);

describe("stages are those that the networks' papers draw", () => {
  test("EfficientNet-Lite0", async () => {
    const { graph } = await loadBackbone();
    expect(starts(graph)).toEqual([
      "image",
      "blocks.0.project.bn",
      "blocks.2.add",
      "blocks.4.add",
      "blocks.10.add",
    ]);
  });

  test.each([
    // Each convolution of a stage, and the pool before it.
    ["vgg16", ["image", "block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3"]],
    ["mobilenetv2", ["image", "expanded_conv_project_BN", "block_2_add", "block_5_add", "block_12_add"]],
    // The convolution that ends a dense block works before its pool.
    ["densenet121", ["image", "conv1_relu", "pool2_conv", "pool3_conv", "pool4_conv"]],
  ])("%s", async (name, expected) => {
    expect(starts((await kerasBackbone(name, 224)).graph)).toEqual(expected);
  });
});

/** A network of residual blocks of one 1x1 convolution each behind a stem, its strides given. */
function residual(strides: readonly number[]): Graph {
  const b = new GraphBuilder("residual");
  let channels = 3;
  const convolution = (x: string, stride: number, name: string, to = 4) => {
    const values = Array.from({ length: to * channels }, (_, i) => (i % 7) / 7 - 0.4);
    const kernel = b.constant(`${name}.kernel`, float32([to, channels, 1, 1], values));
    channels = to;
    return b.node("Conv", [x, kernel], { strides: [stride, stride] }, { name });
  };
  let x = convolution(b.input("image", "float32", ["N", 3, "H", "W"]), 4, "stem");
  for (const [i, stride] of strides.entries()) {
    if (stride > 1) x = convolution(x, stride, `reduce${i}`);
    x = b.node("Add", [x, b.node("Relu", [convolution(x, 1, `conv${i}`)])], {}, { name: `block${i}` });
  }
  b.output("features", "float32", ["N", 4], b.node("Flatten", [b.node("GlobalAveragePool", [x])]));
  return b.build();
}

test("a network of one size is divided into four equal groups", () => {
  expect(starts(residual([1, 1, 1, 1, 1, 1, 1, 1]))).toEqual(["image", "block1", "block3", "block5"]);
});

test("a stage begins where maps become smaller, and the last one is not the pool", () => {
  expect(starts(residual([1, 2, 1, 2, 1]))).toEqual(["image", "block0", "block2"]);
  const { stages } = networkStages(residual([1, 2, 1, 2, 1]), 64);
  expect(stages.map(({ blocks }) => blocks.flatMap(({ weights }) => weights))).toEqual([
    ["stem.kernel", "conv0.kernel"],
    ["reduce1.kernel", "conv1.kernel", "conv2.kernel"],
    ["reduce3.kernel", "conv3.kernel", "conv4.kernel"],
  ]);
});

test("where nothing divides there is one stage", () => {
  expect(starts(residual([1]))).toEqual(["image"]);
});

test("a stage without weights belongs to the one before it", () => {
  const b = new GraphBuilder("pooled");
  const kernel = b.constant("kernel", float32([4, 3, 1, 1], Array(12).fill(0.5)));
  const maps = b.node("Conv", [b.input("image", "float32", ["N", 3, "H", "W"]), kernel], { strides: [2, 2] });
  const pool = (x: string) => b.node("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
  b.output("features", "float32", ["N", 4], b.node("Flatten", [b.node("GlobalMaxPool", [pool(pool(maps))])]));
  expect(starts(b.build())).toEqual(["image"]);
});
