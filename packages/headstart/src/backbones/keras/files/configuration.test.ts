import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configuredLayers, snakeCase } from "./configuration.js";

test.each([
  ["Conv2D", "conv2d"],
  ["SeparableConv2D", "separable_conv2d"],
  ["DepthwiseConv2D", "depthwise_conv2d"],
  ["BatchNormalization", "batch_normalization"],
  ["GlobalAveragePooling2D", "global_average_pooling2d"],
  ["ReLU", "re_lu"],
  ["PReLU", "p_re_lu"],
  ["LeakyReLU", "leaky_re_lu"],
  ["Functional", "functional"],
  ["my_package>LayerScale", "layer_scale"],
])("%s is numbered as %s", (className, name) => {
  expect(snakeCase(className)).toBe(name);
});

describe("layers of a configuration", () => {
  const conv = { class_name: "Conv2D", config: { name: "conv" } };
  const layer = { className: "Conv2D", name: "conv", layers: [] };

  test("of a Functional model, whose layers also carry their names outside", () => {
    const outside = { class_name: "Conv2D", name: "conv", config: {}, inbound_nodes: [] };
    expect(configuredLayers({ class_name: "Functional", config: { layers: [conv, outside] } })).toEqual([
      layer,
      layer,
    ]);
  });

  test("of a Sequential model, also as the plain list that Keras once wrote", () => {
    expect(configuredLayers({ class_name: "Sequential", config: [conv] })).toEqual([layer]);
  });

  test("of a model in a model", () => {
    const base = { class_name: "Functional", config: { name: "base", layers: [conv] } };
    expect(configuredLayers({ class_name: "Sequential", config: { layers: [base] } })).toEqual([
      { className: "Functional", name: "base", layers: [layer] },
    ]);
  });

  test("of anything else are none, and no error", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(configuredLayers(value))));
    const list = fc.array(fc.jsonValue());
    fc.assert(
      fc.property(list, (layers) => configuredLayers({ config: { layers } }).length === layers.length),
    );
    let deep: unknown = { config: [] };
    for (let depth = 0; depth < 10_000; depth++) deep = { config: { layers: [deep] } };
    expect(configuredLayers(deep)).toHaveLength(1);
  });
});
