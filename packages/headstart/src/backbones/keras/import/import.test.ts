import { describe, expect, test } from "vitest";
import { kerasGoldens, relativeDifference } from "../../../../test/support/keras-goldens.js";
import { runGraph } from "../../../../test/support/run-graph.js";
import { HeadstartError } from "../../../errors.js";
import { float32, type Graph, intsAttribute, type Tensor } from "../../../onnx/index.js";
import type { KerasWeights } from "../weights.js";
import { importKeras, layersWithWeights } from "./index.js";

/** Weights of every shape, filled with small numbers that differ. */
function someWeights(asked: string[] = []): KerasWeights {
  return {
    read: (path, wanted) => {
      asked.push(path.join("/"));
      return wanted.map(({ shape }, k) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return float32(
          [...shape],
          Float32Array.from({ length: count }, (_, i) => (((i + k) * 37) % 11) / 10 + 0.1),
        );
      });
    },
  };
}

/** A chain of layers after an input. */
function chain(
  shape: (number | null)[],
  ...layers: { class_name: string; config?: object; module?: string }[]
): unknown {
  return {
    class_name: "Sequential",
    config: {
      name: "chain",
      layers: [
        { class_name: "InputLayer", config: { batch_shape: shape, name: "image" } },
        ...layers.map((layer, i) => ({ ...layer, config: { name: `layer${i}`, ...layer.config } })),
      ],
    },
  };
}

const conv = {
  class_name: "Conv2D",
  config: { name: "conv1", filters: 3, kernel_size: [3, 3], strides: [2, 2], padding: "same" },
};
const photo = (size: number): Tensor =>
  float32(
    [1, size, size, 2],
    Float32Array.from({ length: size * size * 2 }, (_, i) => Math.sin(i * 1.7)),
  );
const only = async (graph: Graph, input: Tensor): Promise<Tensor | undefined> =>
  Object.values(await runGraph(graph, { image: input }))[0];

function error(config: unknown, weights = someWeights()): HeadstartError {
  try {
    importKeras(config, weights);
  } catch (thrown) {
    if (thrown instanceof HeadstartError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

describe("importKeras", () => {
  test("names values as Keras names layers, with one transpose at the front", () => {
    const graph = importKeras(
      chain(
        [null, 8, 8, 2],
        conv,
        { class_name: "ReLU", config: { name: "act" } },
        { class_name: "GlobalAveragePooling2D", config: { name: "avg_pool" } },
        { class_name: "Dense", config: { name: "predictions", units: 4, activation: "softmax" } },
      ),
      someWeights(),
    );
    expect(graph.inputs).toMatchObject([{ name: "image", type: "float32", shape: ["N", 8, 8, 2] }]);
    expect(graph.outputs).toMatchObject([{ name: "predictions", shape: ["N", 4] }]);
    expect(graph.nodes.map(({ op, outputs }) => [op, outputs[0]])).toEqual([
      ["Transpose", "image/channels_first"],
      ["Conv", "conv1"],
      ["Relu", "act"],
      ["GlobalAveragePool", "avg_pool/pool"],
      ["Flatten", "avg_pool"],
      ["Gemm", "predictions/dense"],
      ["Softmax", "predictions"],
    ]);
  });

  test("an output has its layer's name and Keras's layout", () => {
    const graph = importKeras(chain([null, 8, 8, 2], conv), someWeights());
    expect(graph.outputs).toMatchObject([{ name: "conv1", shape: ["N", 4, 4, 3] }]);
    expect(graph.nodes.at(-1)).toMatchObject({ op: "Transpose", outputs: ["conv1"] });
  });

  test("an output that is another layer's value, or the input itself", async () => {
    const graph = importKeras(chain([null, 4], { class_name: "Dropout" }), someWeights());
    expect(graph.outputs[0]?.name).toBe("layer0");
    const [input, output] = [float32([1, 4], [1, 2, 3, 4]), await only(graph, float32([1, 4], [1, 2, 3, 4]))];
    expect(relativeDifference(output, input)).toBe(0);
  });

  test("pads are written out where the size is known, and follow the size where it is free", async () => {
    const config = chain([null, 8, 8, 2], conv);
    const convolution = (graph: Graph) => graph.nodes.find(({ op }) => op === "Conv");
    const fixed = convolution(importKeras(config, someWeights()));
    expect(fixed && intsAttribute(fixed, "pads")).toEqual([0, 0, 1, 1]);
    const odd = convolution(importKeras(config, someWeights(), { inputSize: [9, 8] }));
    expect(odd && intsAttribute(odd, "pads")).toEqual([1, 0, 1, 1]);
    const free = importKeras(config, someWeights(), { inputSize: null });
    expect(convolution(free)?.attributes.get("auto_pad")).toMatchObject({ value: "SAME_UPPER" });
    expect(free.inputs[0]?.shape).toEqual(["N", "H", "W", 2]);
    for (const size of [6, 7]) {
      const sized = importKeras(config, someWeights(), { inputSize: [size, size] });
      const wanted = await only(sized, photo(size));
      expect(wanted && relativeDifference(await only(free, photo(size)), wanted)).toBe(0);
    }
  });

  test("with paddingFollowsSize, zeros before a stride of 2 are those of an odd size where it is odd", async () => {
    const pad = (padding: number[][]) => ({ class_name: "ZeroPadding2D", config: { padding } });
    const pool = { class_name: "MaxPooling2D", config: { pool_size: [3, 3], strides: [2, 2] } };
    const made = chain(
      [null, 8, 8, 2],
      pad([
        [0, 1],
        [0, 1],
      ]),
      pool,
    );
    const wanted = await only(
      importKeras(
        chain(
          [null, 7, 7, 2],
          pad([
            [1, 1],
            [1, 1],
          ]),
          pool,
        ),
        someWeights(),
      ),
      photo(7),
    );
    for (const inputSize of [null, [7, 7] as const]) {
      const graph = importKeras(made, someWeights(), { inputSize, paddingFollowsSize: true });
      expect(wanted && relativeDifference(await only(graph, photo(7)), wanted)).toBe(0);
    }
    const even = await only(
      importKeras(made, someWeights(), { inputSize: null, paddingFollowsSize: true }),
      photo(8),
    );
    const plain = await only(importKeras(made, someWeights()), photo(8));
    expect(plain && relativeDifference(even, plain)).toBe(0);
  });

  test("does not ask for weights that no output needs", () => {
    const asked: string[] = [];
    const dense = (name: string) => ({
      class_name: "Dense",
      name,
      config: { name, units: 2 },
      inbound_nodes: [[["x", 0, 0, {}]]],
    });
    const x = { class_name: "InputLayer", name: "x", config: { batch_shape: [null, 3] }, inbound_nodes: [] };
    const config = {
      class_name: "Functional",
      config: {
        name: "m",
        layers: [x, dense("a"), dense("b")],
        input_layers: [["x", 0, 0]],
        output_layers: [["b", 0, 0]],
      },
    };
    importKeras(config, someWeights(asked));
    expect(asked).toEqual(["b"]);
    expect(layersWithWeights(config)).toEqual([
      {
        path: ["b"],
        className: "Dense",
        weights: [
          { name: "kernel", shape: [3, 2] },
          { name: "bias", shape: [2] },
        ],
      },
    ]);
  });

  test("hard_sigmoid is that of the version that wrote the model", async () => {
    const config = chain([null, 1], { class_name: "Activation", config: { activation: "hard_sigmoid" } });
    const at = async (kerasVersion: string) =>
      only(importKeras(config, someWeights(), { kerasVersion }), float32([1, 1], [1]));
    expect(relativeDifference(await at("2.15.0"), float32([1, 1], [0.7]))).toBeLessThan(1e-6);
    expect(relativeDifference(await at("3.15.1"), float32([1, 1], [4 / 6]))).toBeLessThan(1e-6);
  });
});

describe("what cannot be imported is refused by name", () => {
  test.each([
    ["a Lambda", { class_name: "Lambda", config: { function: "os.system" } }, /layer0 \(Lambda\)/],
    ["an unknown layer", { class_name: "MultiHeadAttention" }, /class MultiHeadAttention are not known/],
    [
      "a class of somebody else's",
      { class_name: "Conv2D", module: "mine", config: conv.config },
      /conv1 \(Conv2D\).*author/,
    ],
    ["a registered class", { class_name: "Custom>Thing" }, /Custom>Thing.*author/],
    ["an unknown activation", { class_name: "Activation", config: { activation: "my_act" } }, /my_act/],
    [
      "an author's function",
      {
        class_name: "Activation",
        config: {
          activation: {
            class_name: "function",
            config: "relu",
            module: "builtins",
            registered_name: "function",
          },
        },
      },
      /author/,
    ],
    ["a prototype's name", { class_name: "constructor" }, /constructor are not known/],
    [
      "an activation of a prototype's name",
      { class_name: "Activation", config: { activation: "toString" } },
      /toString/,
    ],
    [
      "a function of TensorFlow's",
      { class_name: "TFOpLambda", config: { function: "raw_ops.X" } },
      /raw_ops\.X/,
    ],
    ["RMS scaling", { class_name: "LayerNormalization", config: { rms_scaling: true } }, /rms_scaling/],
    [
      "bicubic resizing",
      { class_name: "Resizing", config: { height: 2, width: 2, interpolation: "bicubic" } },
      /bicubic/,
    ],
    [
      "quantised weights",
      { class_name: "ReLU", config: { dtype: { class_name: "QuantizedDTypePolicy" } } },
      /quantised/,
    ],
  ])("%s", (_, layer, sentence) => {
    const thrown = error(chain([null, 4, 4, 2], layer));
    expect(thrown.code).toBe("UNSUPPORTED");
    expect(thrown.message).toMatch(sentence);
    expect(thrown.hint).not.toBe("");
  });

  test.each([
    ["a window that does not fit", { class_name: "MaxPooling2D", config: { pool_size: [9, 9] } }],
    ["a shape that does not fit", { class_name: "Reshape", config: { target_shape: [5] } }],
    [
      "groups that do not divide",
      { class_name: "Conv2D", config: { filters: 3, kernel_size: [1, 1], groups: 2 } },
    ],
    ["no filters", { class_name: "Conv2D", config: { kernel_size: [1, 1] } }],
    ["an axis that is not there", { class_name: "BatchNormalization", config: { axis: 7 } }],
    ["a crop of everything", { class_name: "Cropping2D", config: { cropping: 2 } }],
  ])("%s", (_, layer) => {
    const thrown = error(chain([null, 4, 4, 2], layer));
    expect(thrown.code).toBe("INVALID_MODEL");
    expect(thrown.message).toMatch(/layer0/);
  });

  test("a network that goes round in a circle, or reads what is not there", () => {
    const x = { class_name: "InputLayer", name: "x", config: { batch_shape: [null, 3] }, inbound_nodes: [] };
    const relu = (name: string, from: string) => ({
      class_name: "ReLU",
      name,
      config: {},
      inbound_nodes: [[[from, 0, 0, {}]]],
    });
    const model = (...layers: unknown[]) => ({
      class_name: "Functional",
      config: {
        name: "m",
        layers: [x, ...layers],
        input_layers: [["x", 0, 0]],
        output_layers: [["a", 0, 0]],
      },
    });
    expect(error(model(relu("a", "b"), relu("b", "a"))).message).toMatch(/its own result/);
    expect(error(model(relu("a", "a"))).message).toMatch(/its own result/);
    expect(error(model(relu("a", "missing"))).message).toMatch(/missing/);
  });

  test("a small file whose nested models double the layers again and again", () => {
    let model: Record<string, unknown> = chain([null, 3], { class_name: "ReLU" }) as Record<string, unknown>;
    for (let i = 0; i < 25; i++) {
      const x = {
        class_name: "InputLayer",
        name: "x",
        config: { batch_shape: [null, 3] },
        inbound_nodes: [],
      };
      const inner = { ...model, name: "inner", inbound_nodes: [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]] };
      model = {
        class_name: "Functional",
        config: {
          name: `m${i}`,
          layers: [x, inner],
          input_layers: [["x", 0, 0]],
          output_layers: [["inner", 2, 0]],
        },
      };
    }
    expect(error(model).message).toMatch(/more than 10000 layers/);
  });

  test("a dropout that Keras 2 keeps at work", () => {
    const x = {
      class_name: "InputLayer",
      name: "x",
      config: { batch_input_shape: [null, 3] },
      inbound_nodes: [],
    };
    const dropout = {
      class_name: "Dropout",
      name: "a",
      config: {},
      inbound_nodes: [[["x", 0, 0, { training: true }]]],
    };
    const config = {
      class_name: "Functional",
      config: { name: "m", layers: [x, dropout], input_layers: [["x", 0, 0]], output_layers: [["a", 0, 0]] },
    };
    expect(error(config).message).toMatch(/training mode/);
  });

  test("mutated configurations: a clear error or a graph, never anything else", () => {
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    const values = [
      null,
      -1,
      0,
      3,
      2 ** 31,
      1e300,
      "",
      "x",
      [],
      {},
      true,
      [[1, 2]],
      "channels_first",
      [1, 1],
      -0.5,
    ];
    const mutate = (value: unknown, depth: number): unknown => {
      if (random(10) === 0 && depth > 1) return values[random(values.length)];
      if (Array.isArray(value)) {
        const at = random(value.length);
        return value.map((one, i) => (i === at ? mutate(one, depth + 1) : one));
      }
      if (typeof value !== "object" || value === null) return values[random(values.length)];
      const entries = Object.entries(value);
      const at = random(entries.length);
      return Object.fromEntries(
        entries.map(([key, one], i) => [key, i === at ? mutate(one, depth + 1) : one]),
      );
    };
    const goldens = kerasGoldens();
    let refused = 0;
    for (let i = 0; i < 600; i++) {
      const golden = goldens[i % goldens.length];
      const config = mutate(golden?.config, 0);
      const weights: KerasWeights = {
        read: (path, wanted) => {
          try {
            return golden?.weights.read(path, wanted) ?? [];
          } catch (cause) {
            throw new HeadstartError("INVALID_MODEL", "shape", "", { cause });
          }
        },
      };
      try {
        importKeras(config, weights);
      } catch (thrown) {
        refused++;
        expect(thrown, JSON.stringify(config).slice(0, 2000)).toBeInstanceOf(HeadstartError);
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
