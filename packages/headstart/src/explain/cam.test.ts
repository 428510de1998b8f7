import { expect, test } from "vitest";
import {
  addMaps,
  CLASSES,
  mapClassifier,
  mapPhotos,
  pooledNetwork,
  transformer,
} from "../../test/support/map-networks.js";
import { runGraph } from "../../test/support/run-graph.js";
import { floats, type Graph, int64, integers } from "../onnx/index.js";
import { composeCam } from "./cam.js";

/** Maps of three photos with their biases and the logits that they explain. */
async function mapsOf(network: Graph, classes: readonly number[]) {
  const made = composeCam(network);
  if (made === undefined) throw new Error("The network has no exact maps.");
  const { map, bias, chosen, logits, score } = await runGraph(made.graph, {
    image: mapPhotos(classes.length),
    class: int64([classes.length], classes),
  });
  if (!map || !bias || !chosen || !logits || !score) throw new Error("An output is missing.");
  const places = made.layer.height * made.layer.width;
  const indices = integers(chosen);
  return indices.map((index, row) => {
    const values = floats(map).slice(row * places, (row + 1) * places);
    const sum = values.reduce((total, value) => total + value, 0);
    const own = floats(logits).slice(row * CLASSES, (row + 1) * CLASSES);
    return {
      index,
      values,
      explained: sum / places + (floats(bias)[row] ?? Number.NaN),
      logit: own[index] ?? Number.NaN,
      best: own.indexOf(Math.max(...own)),
      score: floats(score)[row],
    };
  });
}

/** Networks that end in a linear layer of an average, each in another way. */
const NETWORKS: Readonly<Record<string, () => Graph>> = {
  Gemm: () => pooledNetwork(),
  "Gemm with weights the other way round": () =>
    mapClassifier((network, image) => {
      const { b, drawn } = network;
      const pooled = b.node("GlobalAveragePool", [addMaps(network, image)]);
      const features = b.node("Reshape", [pooled, b.integers([-1, 8])]);
      return b.node("Gemm", [features, drawn("head.weight", [CLASSES, 8]), drawn("head.bias", [CLASSES])], {
        transB: 1,
      });
    }),
  "MatMul and Add of [N, H, W, C]": () =>
    mapClassifier((network, image) => {
      const { b, drawn } = network;
      const last = b.node("Transpose", [addMaps(network, image)], { perm: [0, 2, 3, 1] });
      const pooled = b.node("ReduceMean", [last, b.integers([1, 2])], { keepdims: 0 });
      const product = b.node("MatMul", [pooled, drawn("head.weight", [8, CLASSES])]);
      return b.node("Add", [product, drawn("head.bias", [CLASSES])]);
    }),
  "1x1 convolution behind an average over a window of the map's size": () =>
    mapClassifier((network, image) => {
      const { b, drawn } = network;
      const pooled = b.node("AveragePool", [addMaps(network, image)], { kernel_shape: [4, 4] });
      const weights = [drawn("head.weight", [CLASSES, 8, 1, 1]), drawn("head.bias", [CLASSES])];
      return b.node("Flatten", [b.node("Conv", [pooled, ...weights])]);
    }),
  "1x1 convolution before the average": () =>
    mapClassifier((network, image) => {
      const { b, drawn } = network;
      const maps = b.node("Conv", [addMaps(network, image), drawn("head.weight", [CLASSES, 8, 1, 1])]);
      return b.node("Flatten", [b.node("GlobalAveragePool", [b.node("Relu", [maps])])]);
    }),
  "average of tokens": () => transformer("average"),
};

test.each(Object.entries(NETWORKS))(
  "%s: the average of a map and the bias make the logit",
  async (_, network) => {
    for (const { explained, logit, index, best, score } of await mapsOf(network(), [-1, -1, -1])) {
      expect(explained).toBeCloseTo(logit, 5);
      expect(score).toBe(logit);
      expect(index).toBe(best);
    }
    const chosen = await mapsOf(network(), [2, 1, 0]);
    expect(chosen.map(({ index }) => index)).toEqual([2, 1, 0]);
    for (const { explained, logit } of chosen) expect(explained).toBeCloseTo(logit, 5);
  },
);

test("a map is the weighted sum of the feature maps, place by place", async () => {
  const network = pooledNetwork();
  const weight = network.initializers.get("head.weight");
  if (weight === undefined) throw new Error("There is no weight.");
  const { deep } = await runGraph(
    { ...network, outputs: [{ name: "deep", type: "float32", shape: ["N", 8, 4, 4] }] },
    { image: mapPhotos(1) },
  );
  if (deep === undefined) throw new Error("There are no maps.");
  const [found] = await mapsOf(network, [1]);
  for (const [place, value] of found?.values.entries() ?? []) {
    let sum = 0;
    for (let channel = 0; channel < 8; channel++)
      sum += (floats(deep)[channel * 16 + place] ?? 0) * (floats(weight)[channel * CLASSES + 1] ?? 0);
    expect(value).toBeCloseTo(sum, 5);
  }
});

test("the score of two classes is the difference of their logits", async () => {
  const made = composeCam(pooledNetwork(2));
  const { logits, score } = await runGraph(made?.graph ?? pooledNetwork(2), {
    image: mapPhotos(1),
    class: int64([1], [0]),
  });
  if (!logits || !score) throw new Error("An output is missing.");
  const [first = 0, second = 0] = floats(logits);
  expect(floats(score)[0]).toBeCloseTo(first - second, 6);
});

test("a network that ends in another way has no exact maps", () => {
  const flattened = mapClassifier((network, image) => {
    const { b, drawn } = network;
    const features = b.node("Flatten", [addMaps(network, image)]);
    return b.node("Gemm", [features, drawn("head.weight", [128, CLASSES])]);
  });
  const hidden = mapClassifier((network, image) => {
    const { b, drawn } = network;
    const features = b.node("Flatten", [b.node("GlobalAveragePool", [addMaps(network, image)])]);
    const inner = b.node("Relu", [b.node("Gemm", [features, drawn("inner", [8, 8])])]);
    return b.node("Gemm", [inner, drawn("head.weight", [8, CLASSES])]);
  });
  const parts = mapClassifier((network, image) => {
    const { b, drawn } = network;
    const pooled = b.node("AveragePool", [addMaps(network, image)], {
      kernel_shape: [2, 2],
      strides: [2, 2],
    });
    return b.node("Gemm", [b.node("Flatten", [pooled]), drawn("head.weight", [32, CLASSES])]);
  });
  for (const network of [flattened, hidden, parts, transformer("class token")])
    expect(composeCam(network)).toBeUndefined();
});

test("what is no classifier is refused", () => {
  const network = pooledNetwork();
  const [first] = network.outputs;
  expect(() => composeCam({ ...network, outputs: first ? [first] : [] })).toThrow(
    expect.objectContaining({ code: "INVALID_MODEL", message: expect.stringContaining("no output logits") }),
  );
});
