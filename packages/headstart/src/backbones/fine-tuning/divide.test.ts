import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backboneOf, kerasBackbone } from "../../../test/support/backbones.js";
import { uniform } from "../../../test/support/check-gradients.js";
import { relativeError } from "../../../test/support/keras-applications.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { readSafetensors } from "../../../test/support/safetensors.js";
import { shared } from "../../../test/support/shared.js";
import { differentiate } from "../../autodiff/index.js";
import {
  cut,
  findFeatures,
  float32,
  type Graph,
  GraphBuilder,
  inferShapes,
  OPSET,
  readModel,
  renameValues,
  type Tensor,
  uint8,
  upgrade,
} from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";
import { loadBackbone } from "../backbone.js";
import { type Divided, describeTrainable, divide } from "./index.js";
import { inInferenceForm } from "./inference-form.js";

/** The features of photos by the whole backbone, and by trunk and tail. */
async function bothWays(
  backbone: Backbone,
  { trunk, tail, parameters }: Divided,
  imageSize: number,
  photos = 2,
): Promise<{ readonly whole: Tensor; readonly parts: Tensor }> {
  const dims = [photos, 3, imageSize, imageSize];
  const image = float32(dims, uniform(3, photos * 3 * imageSize ** 2));
  const of = async (graph: Graph, feeds: Readonly<Record<string, Tensor>>) => {
    const { features } = await runGraph(graph, feeds);
    if (features === undefined) throw new Error(`${graph.name} makes no features`);
    return features;
  };
  const activations = trunk === undefined ? image : await of(trunk.graph, { image });
  const weights = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
  return {
    whole: await of(inInferenceForm(backbone.graph), { image }),
    parts: await of(tail, { activations, ...weights }),
  };
}

async function expectSame(
  backbone: Backbone,
  divided: Divided,
  imageSize: number,
  photos = 2,
): Promise<void> {
  const { whole, parts } = await bothWays(backbone, divided, imageSize, photos);
  expect(parts.dims).toEqual(whole.dims);
  expect(relativeError(parts, whole)).toBeLessThan(1e-5);
}

/** The tail with the gradients of a loss of its features. */
function gradientsOf({ tail, parameters }: Divided): Graph {
  const b = GraphBuilder.from(tail);
  const loss = b.node("ReduceSum", ["features"], { keepdims: 0 });
  return differentiate(
    b.build(),
    loss,
    parameters.map(({ name }) => name),
  ).graph;
}

const folder = shared("golden/networks");
const NETWORKS = [
  "bottleneck",
  "bottleneck-train-bn",
  "inverted-residual",
  "squeeze-excite-hard",
  "squeeze-excite-silu",
  "convnext",
  "vit",
  "dense",
];

describe.skipIf(!folder)("networks that PyTorch differentiated (needs ../shared)", () => {
  /** A golden network as a backbone, for the six photos that it was exported for. */
  function golden(name: string): Backbone {
    const file = new Uint8Array(readFileSync(join(folder ?? "", `${name}.onnx`)));
    const whole = upgrade(readModel(file), OPSET);
    const graph = inferShapes(cut(whole, findFeatures(whole).features));
    const named = renameValues(graph, new Map([[graph.inputs[0]?.name ?? "", "image"]]));
    return backboneOf(inferShapes(named), Number(graph.inputs[0]?.shape?.[2]));
  }

  test.each(NETWORKS)("all of %s: the weights are those that PyTorch trained", (name) => {
    const backbone = golden(name);
    const { parameters, statistics } = divide(backbone, "all", backbone.imageSize);
    const tensors = readSafetensors(join(folder ?? "", `${name}.safetensors`));
    const expected = [...tensors.keys()].flatMap((key) => /^grad\.(.*)$/.exec(key)?.slice(1) ?? []);
    const inBackbone = expected.filter((key) => backbone.graph.initializers.has(key));
    expect(parameters.map((one) => one.name).toSorted()).toEqual(inBackbone.toSorted());
    const norms = backbone.graph.nodes.filter(({ op }) => op === "BatchNormalization");
    expect(statistics.map(({ mean, variance }) => [mean, variance])).toEqual(
      norms.map(({ inputs }) => inputs.slice(3)),
    );
  });

  test.each(NETWORKS)("%s in two parts makes the same features", async (name) => {
    const backbone = golden(name);
    for (const fineTune of ["last-stage", "all"]) {
      const divided = divide(backbone, fineTune, backbone.imageSize);
      await expectSame(backbone, divided, backbone.imageSize, 6);
      gradientsOf(divided);
    }
  });
});

describe("EfficientNet-Lite0", async () => {
  const backbone = await loadBackbone();

  test.each(["last-stage", "all", "blocks.14.expand", "head"])("%s", async (fineTune) => {
    const divided = divide(backbone, fineTune, 64);
    await expectSame(backbone, divided, 64);
    gradientsOf(divided);
  });

  test("the last stage is its blocks of 7 x 7 places, and the last convolution", () => {
    const { trunk, tail, parameters, statistics, stages } = divide(backbone, "last-stage", 224);
    expect(trunk).toMatchObject({ tensor: "blocks.10.add", features: 112 * 14 * 14, imageSize: 224 });
    expect(trunk?.graph.inputs).toMatchObject([{ name: "image", shape: ["N", 3, 224, 224] }]);
    expect(trunk?.digest).not.toBe(backbone.digest);
    expect(tail.inputs.slice(0, 3)).toEqual([
      { name: "activations", type: "float32", shape: ["N", 112 * 14 * 14] },
      { name: "blocks.11.expand.weight", type: "float32", shape: [672, 112, 1, 1] },
      { name: "blocks.11.expand.scale", type: "float32", shape: [672] },
    ]);
    expect(tail.outputs).toEqual([{ name: "features", type: "float32", shape: ["N", 1280] }]);
    expect(parameters.every(({ depth }) => depth === 0) && stages).toBe(1);
    expect(statistics).toHaveLength(16);
    // What the head of a training step is called as is called otherwise here.
    expect(parameters.at(-1)?.name).toBe("backbone.head.bias");
  });

  test("it divides at the same place at every image size", () => {
    const [one, other] = [divide(backbone, "last-stage", 96), divide(backbone, "last-stage", 299)];
    expect(other.trunk?.tensor).toBe(one.trunk?.tensor);
    expect(other.parameters.map(({ name }) => name)).toEqual(one.parameters.map(({ name }) => name));
  });

  test("depths count from the head to the photo", () => {
    const { parameters, stages } = divide(backbone, "all", 224);
    const depths = parameters.map(({ depth }) => depth);
    expect(depths).toEqual(depths.toSorted((a, b) => b - a));
    expect([stages, depths[0], depths.at(-1)]).toEqual([5, 4, 0]);
  });

  test("what trains is described in numbers", () => {
    const last = describeTrainable(backbone, "last-stage", 224);
    expect(last).toMatchObject({ boundary: "blocks.10.add", stages: 1 });
    const all = describeTrainable(backbone, "all", 224);
    expect(all).toMatchObject({ boundary: undefined, trainable: 3_371_008, frozen: 0, stages: 5 });
    expect(last.trainable + last.frozen).toBe(all.trainable);
    expect(describeTrainable(backbone, "head", 224)).toMatchObject({ trainable: 0, frozen: 3_371_008 });
  });

  test("a name that no layer has is refused with names like it, and with layers", () => {
    expect(() => divide(backbone, "block.14", 224)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: "The network has no layer whose name begins with block.14.",
        hint: expect.stringMatching(/^Names like it: blocks\.14.*Some layers: stem, .*head\./),
      }),
    );
  });

  test("an int8 network is refused", () => {
    const hint = "Use --fine-tune head, or a float network as the backbone.";
    const refused = expect.objectContaining({ code: "UNSUPPORTED", hint });
    expect(() => divide({ ...backbone, precision: "int8" }, "all", 224)).toThrow(refused);
  });
});

// Boundaries that a person would choose; weights are formulas.
test.each([
  ["resnet50", "conv4_block6_out", 40],
  ["mobilenetv2", "block_12_add", 39],
  ["convnexttiny", "add_14", 33],
])("%s of Keras: its last stage, and all of it", async (name, boundary, weights) => {
  const backbone = await kerasBackbone(name, 224);
  const last = divide(backbone, "last-stage", 64);
  expect([last.trunk?.tensor, last.parameters.length]).toEqual([boundary, weights]);
  await expectSame(backbone, last, 64, 1);
  gradientsOf(last);
  gradientsOf(divide(backbone, "all", 64));
});

/** What is done to maps [N, 4, H, W] by one block of a random network. */
type Layer = (b: GraphBuilder, x: string, weight: (dims: readonly number[]) => string) => string;

const convolved = (b: GraphBuilder, x: string, w: string, stride = 1) =>
  b.node("Conv", [x, w], { pads: [1, 1, 1, 1], strides: [stride, stride] });
const LAYERS: Readonly<Record<string, Layer>> = {
  plain: (b, x, weight) => b.node("Relu", [convolved(b, x, weight([4, 4, 3, 3]))]),
  residual: (b, x, weight) => b.node("Add", [x, b.node("Tanh", [convolved(b, x, weight([4, 4, 3, 3]))])]),
  dense: (b, x, weight) =>
    b.node("Conv", [
      b.node("Concat", [x, b.node("Relu", [convolved(b, x, weight([2, 4, 3, 3]))])], { axis: 1 }),
      weight([4, 6, 1, 1]),
    ]),
  reducing: (b, x, weight) => convolved(b, x, weight([4, 4, 3, 3]), 2),
  gate: (b, x, weight) => {
    const pooled = b.node("GlobalAveragePool", [x]);
    return b.node("Mul", [x, b.node("Sigmoid", [b.node("Conv", [pooled, weight([4, 4, 1, 1])])])]);
  },
  flat: (b, x) => {
    const shape = b.node("Shape", [x]);
    const flat = b.node("Reshape", [x, b.integers([0, 4, -1])]);
    return b.node("Reshape", [b.node("Tanh", [flat]), shape]);
  },
};

test("random networks make the same features in two parts, wherever they are divided", async () => {
  const layer = fc.constantFrom(...Object.keys(LAYERS));
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 6 }), fc.nat(), async (chosen, choice) => {
      const b = new GraphBuilder("random");
      let count = 0;
      const weight = (dims: readonly number[]) =>
        b.constant(
          `weight${++count}`,
          float32(
            dims,
            uniform(
              count,
              dims.reduce((all, dim) => all * dim),
              -0.4,
              0.4,
            ),
          ),
        );
      const image = b.input("image", "float32", ["N", 3, "H", "W"]);
      let x = convolved(b, image, weight([4, 3, 3, 3]));
      for (const name of chosen) x = LAYERS[name]?.(b, x, weight) ?? x;
      b.output("features", "float32", ["N", 4], b.node("Flatten", [b.node("GlobalAveragePool", [x])]));
      const backbone = backboneOf(b.build(), 32);
      for (const fineTune of ["last-stage", `weight${(choice % count) + 1}`]) {
        const divided = divide(backbone, fineTune, 16);
        await expectSame(backbone, divided, 16);
        gradientsOf(divided);
      }
    }),
    { numRuns: 25 },
  );
});

describe("a network of three layers", () => {
  /** Two convolutions, what is wanted in between, and a pool. */
  function network(between: (b: GraphBuilder, x: string) => string, second?: string): Backbone {
    const b = new GraphBuilder("small");
    const image = b.input("image", "float32", ["N", 3, "H", "W"]);
    const first = b.constant("weight", float32([3, 3, 1, 1], uniform(1, 9)));
    const x = between(b, b.node("Conv", [image, first], {}, { name: "step" }));
    const last = second ?? b.constant("second", float32([3, 3, 1, 1], uniform(2, 9)));
    const maps = b.node("Conv", [x, last], {}, { name: "last" });
    b.output("features", "float32", ["N", 3], b.node("Flatten", [b.node("GlobalAveragePool", [maps])]));
    return backboneOf(b.build(), 8);
  }

  test("values that a training step has names for are renamed", async () => {
    const backbone = network((b, x) => b.node("Relu", [x], {}, { name: "activations" }));
    const all = divide(backbone, "all", 8);
    expect(all.trunk).toBeUndefined();
    expect(all.parameters.map(({ name }) => name)).toEqual(["backbone.weight", "second"]);
    await expectSame(backbone, all, 8);
    const last = divide(backbone, "last", 8);
    expect([last.trunk?.tensor, last.tail.inputs.map(({ name }) => name)]).toEqual([
      "activations",
      ["activations", "second"],
    ]);
    await expectSame(backbone, last, 8);
  });

  test("a weight that the frozen part uses as well stays as it is; used twice in the tail, it is one", () => {
    const tied = network((b, x) => b.node("Conv", [b.node("Relu", [x]), "weight"], {}, { name: "tied" }));
    expect(divide(tied, "all", 8).parameters.map(({ name }) => name)).toEqual(["backbone.weight", "second"]);
    expect(divide(tied, "tied", 8).parameters.map(({ name }) => name)).toEqual(["second"]);
    const nothing = network((b, x) => b.node("Relu", [x]), "weight");
    expect(() => divide(nothing, "last", 8)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: "Nothing of small that --fine-tune last names has weights.",
      }),
    );
  });

  test("an operator without a gradient is named with its layer", () => {
    const backbone = network((b, x) => b.node("Wave", [x], {}, { name: "wave", domain: "own" }));
    expect(() => divide(backbone, "all", 8)).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: "small cannot be fine-tuned that far: gradients have no way through wave (own.Wave).",
        hint: "Train only layers behind wave: --fine-tune with the beginning of a layer's name, or --fine-tune head.",
      }),
    );
  });

  test("a part that is quantised is refused, and the part behind it is not", () => {
    const backbone = network((b, x) => {
      const range = [b.scalar(0.1), b.constant("zero", uint8([], [128]))];
      return b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, ...range]), ...range]);
    });
    expect(divide(backbone, "last", 8).parameters).toHaveLength(1);
    expect(() => divide(backbone, "all", 8)).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: "small is an int8 network, whose layers cannot be trained.",
      }),
    );
  });
});
