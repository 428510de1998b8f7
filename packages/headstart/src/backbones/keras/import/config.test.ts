import { describe, expect, test } from "vitest";
import { HeadstartError } from "../../../errors.js";
import { parseKerasConfig } from "./config.js";
import type { TensorReference } from "./model.js";

const keras3Tensor = (history: unknown[]) => ({
  class_name: "__keras_tensor__",
  config: { shape: [null, 4], dtype: "float32", keras_history: history },
});
const input = {
  class_name: "InputLayer",
  name: "x",
  config: { batch_shape: [null, 4], name: "x" },
  inbound_nodes: [],
};
const layer = (name: string, inbound_nodes: unknown[]) => ({
  class_name: "ReLU",
  name,
  config: { name },
  inbound_nodes,
});
const functional = (layers: unknown[], outputs: unknown) => ({
  class_name: "Functional",
  config: { name: "model", layers, input_layers: [["x", 0, 0]], output_layers: outputs },
});

function inputsOf(config: unknown, name: string): TensorReference[][] {
  const found = parseKerasConfig(config).layers.find((one) => one.name === name);
  return (found?.calls ?? []).map(({ positional }) =>
    positional.flatMap((argument) => (argument.kind === "tensor" ? [argument.reference] : [])),
  );
}

describe("parseKerasConfig", () => {
  test("reads the connections of Keras 2 and of Keras 3 alike", () => {
    const old = functional(
      [input, layer("a", [[["x", 0, 0, {}]], [["x", 0, 0, {}]]]), layer("b", [[["a", 1, 0, {}]]])],
      [["b", 0, 0]],
    );
    const now = functional(
      [
        input,
        layer("a", [
          { args: [keras3Tensor(["x", 0, 0])], kwargs: {} },
          { args: [keras3Tensor(["x", 0, 0])], kwargs: {} },
        ]),
        layer("b", [{ args: [keras3Tensor(["a", 1, 0])], kwargs: {} }]),
      ],
      ["b", 0, 0],
    );
    for (const config of [old, now]) {
      expect(inputsOf(config, "a")).toHaveLength(2);
      expect(inputsOf(config, "b")).toEqual([[{ layer: "a", call: 1, tensor: 0 }]]);
      expect(parseKerasConfig(config).outputs).toEqual([{ layer: "b", call: 0, tensor: 0 }]);
    }
  });

  test("counts the calls of a nested model from 0, as each version of Keras writes them", () => {
    const inner = (inbound_nodes: unknown[]) => ({
      ...functional([input], [["x", 0, 0]]),
      name: "inner",
      inbound_nodes,
    });
    const old = functional(
      [input, inner([[["x", 0, 0, {}]]]), layer("b", [[["inner", 1, 0, {}]]])],
      [["inner", 1, 0]],
    );
    const call = { args: [keras3Tensor(["x", 0, 0])], kwargs: {} };
    const now = functional(
      [input, inner([call]), layer("b", [{ args: [keras3Tensor(["inner", 0, 0])], kwargs: {} }])],
      [["inner", 1, 0]],
    );
    for (const config of [old, now]) {
      expect(inputsOf(config, "b")).toEqual([[{ layer: "inner", call: 0, tensor: 0 }]]);
      expect(parseKerasConfig(config).outputs[0]?.call).toBe(0);
    }
  });

  test("tells constants and named arguments from tensors", () => {
    const config = functional(
      [
        input,
        {
          class_name: "TFOpLambda",
          name: "old",
          config: {},
          inbound_nodes: [["_CONSTANT_VALUE", -1, 1, { y: ["x", 0, 0], name: null }]],
        },
      ],
      [["old", 0, 0]],
    );
    const call = parseKerasConfig(config).layers[1]?.calls[0];
    expect(call?.positional).toEqual([{ kind: "constant", value: 1 }]);
    expect(call?.named.get("y")).toEqual({ kind: "tensor", reference: { layer: "x", call: 0, tensor: 0 } });
  });

  test("chains the layers of a Sequential model, and puts an input before them where there is none", () => {
    const dense = { class_name: "Dense", config: { name: "dense", units: 2, batch_input_shape: [null, 4] } };
    for (const config of [[dense], { name: "s", layers: [dense] }]) {
      const model = parseKerasConfig({ class_name: "Sequential", config });
      expect(model.layers.map(({ name }) => name)).toEqual(["dense_input", "dense"]);
      expect(model.layers[0]?.config.batch_shape).toEqual([null, 4]);
      expect(model.outputs).toEqual([{ layer: "dense", call: 0, tensor: 0 }]);
    }
  });

  test("finds the input shape of a Sequential model in a model that it begins with, or in build_input_shape", () => {
    const base = { ...functional([input], [["x", 0, 0]]), name: "base" };
    const shape = (config: unknown) =>
      parseKerasConfig({ class_name: "Sequential", config }).layers[0]?.config.batch_shape;
    expect(shape({ name: "s", layers: [base] })).toEqual([null, 4]);
    const relu = { class_name: "ReLU", config: { name: "relu" } };
    expect(shape({ name: "s", layers: [relu], build_input_shape: [null, 3] })).toEqual([null, 3]);
  });

  test("knows Keras's own classes from others", () => {
    const of = (more: object) =>
      parseKerasConfig(functional([input, { ...layer("a", []), ...more }], [["a", 0, 0]])).layers[1]?.builtIn;
    expect(of({})).toBe(true);
    expect(of({ module: "keras.layers", registered_name: null })).toBe(true);
    expect(of({ module: "tf_keras.src.engine.functional" })).toBe(true);
    expect(of({ module: null, registered_name: "mine>ReLU" })).toBe(false);
    expect(of({ module: "kerasish.layers" })).toBe(false);
  });

  test.each([
    ["no object", 3, "INVALID_MODEL"],
    ["no layers", { class_name: "Sequential", config: {} }, "INVALID_MODEL"],
    ["an empty chain", { class_name: "Sequential", config: { layers: [] } }, "INVALID_MODEL"],
    ["a subclassed model", { class_name: "MyModel", config: {} }, "UNSUPPORTED"],
    ["two layers of one name", functional([input, input], [["x", 0, 0]]), "INVALID_MODEL"],
    ["no outputs", functional([input], []), "INVALID_MODEL"],
    ["outputs in too many lists", functional([input], [[[[[[["x", 0, 0]]]]]]]), "INVALID_MODEL"],
    ["a connection of no known form", functional([input, layer("a", [7])], [["a", 0, 0]]), "INVALID_MODEL"],
  ])("refuses %s", (_, config, code) => {
    expect(() => parseKerasConfig(config)).toThrow(expect.objectContaining({ code }));
    expect(() => parseKerasConfig(config)).toThrow(HeadstartError);
  });

  test("refuses models in models without end", () => {
    let config: object = { class_name: "ReLU", config: { name: "relu" } };
    for (let i = 0; i < 40; i++)
      config = { class_name: "Sequential", config: { name: `s${i}`, layers: [config] } };
    expect(() => parseKerasConfig(config)).toThrow(/models inside of models/);
  });
});
