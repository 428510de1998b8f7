import { expect, test } from "vitest";
import { mapPhotos, pooledNetwork } from "../../test/support/map-networks.js";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, int64 } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { composeCam } from "./cam.js";
import { rankCorrelation } from "./correlation.js";
import { lastWeights, shareOnLeft, withShuffledWeights } from "./sanity.js";

test("the last layers' weights are found, the last first", () => {
  expect(lastWeights(pooledNetwork(), 2)).toEqual(["head.weight", "second.weight"]);
  expect(lastWeights(pooledNetwork(), 9)).toEqual(["head.weight", "second.weight", "first.weight"]);
});

test("shuffled weights are the same numbers in another order", () => {
  const network = pooledNetwork();
  const values = (graph: typeof network) => [
    ...floats(graph.initializers.get("head.weight") ?? float32([0], [])),
  ];
  const shuffled = withShuffledWeights(network, ["head.weight"], createRandom(1));
  expect(values(shuffled)).not.toEqual(values(network));
  expect(values(shuffled).sort()).toEqual(values(network).sort());
  expect(shuffled.initializers.get("first.weight")).toBe(network.initializers.get("first.weight"));
  expect(() => withShuffledWeights(network, ["none"], createRandom(1))).toThrow("has no weights none");
});

test("a map changes when the head forgets what it learned", async () => {
  const mapsOf = async (network: ReturnType<typeof pooledNetwork>) => {
    const made = composeCam(network);
    const outputs = await runGraph(made?.graph ?? network, {
      image: mapPhotos(8),
      class: int64([8], Array(8).fill(0)),
    });
    return floats(outputs.map ?? float32([0], []));
  };
  const trained = await mapsOf(pooledNetwork());
  const random = createRandom("head");
  const correlations = [];
  for (let i = 0; i < 8; i++) {
    const other = await mapsOf(withShuffledWeights(pooledNetwork(), ["head.weight"], random));
    correlations.push(rankCorrelation(trained, other));
  }
  const mean = correlations.reduce((sum, one) => sum + one, 0) / correlations.length;
  expect(Math.abs(mean)).toBeLessThan(0.5);
});

test("the share on the left counts what is above 0, half of a column in the middle", () => {
  const map = (width: number, ...values: number[]) => ({
    values: Float32Array.from(values),
    height: values.length / width,
    width,
  });
  expect(shareOnLeft(map(2, 3, 1, 0, -5))).toBe(0.75);
  expect(shareOnLeft(map(3, 1, 2, 1))).toBe(0.5);
  expect(shareOnLeft(map(3, 0, 2, 2))).toBe(0.25);
  expect(shareOnLeft(map(2, -1, -2))).toBeNaN();
});
