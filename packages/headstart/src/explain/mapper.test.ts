import { afterAll, beforeAll, expect, test } from "vitest";
import {
  CLASSES,
  mapClassifier,
  mapPhotos,
  pooledNetwork,
  SIDE,
  transformer,
} from "../../test/support/map-networks.js";
import { Runtime } from "../runtime/index.js";
import { type MapOptions, Mapper } from "./mapper.js";

let runtime: Runtime;
beforeAll(() => {
  runtime = Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

const load = (network = pooledNetwork(), options: MapOptions = {}) =>
  Mapper.load(runtime, network, SIDE, options);

test("exact maps are taken where there are some, Grad-CAM elsewhere and where a layer is named", async () => {
  const found = await Promise.all([
    load(),
    load(transformer("class token")),
    load(pooledNetwork(), { layer: "shallow" }),
    load(pooledNetwork(), { method: "grad-cam" }),
  ]);
  expect(found.map(({ method, layer }) => [method, layer])).toEqual([
    ["cam", "deep"],
    ["grad-cam", "block0.out"],
    ["grad-cam", "shallow"],
    ["grad-cam", "deep"],
  ]);
});

test("each photo of a batch has the map that it has alone", async () => {
  const mapper = await load();
  const both = await mapper.maps(mapPhotos(2), [1, -1]);
  const [alone] = await mapper.maps(mapPhotos(1), [1]);
  expect(both.map(({ map }) => [map.values.length, map.height, map.width])).toEqual([
    [16, 4, 4],
    [16, 4, 4],
  ]);
  expect(both[0]?.chosen).toBe(1);
  expect(both[1]?.probability).toBeGreaterThan(1 / CLASSES);
  for (const [i, value] of alone?.map.values.entries() ?? [])
    expect(value).toBeCloseTo(both[0]?.map.values[i] ?? Number.NaN, 5);
});

test("occlusion says how far it agrees with the other maps", async () => {
  const mapper = await load(pooledNetwork(), { method: "occlusion" });
  const [one, two] = await mapper.maps(mapPhotos(2), [-1, 0]);
  expect(mapper.layer).toBeUndefined();
  expect([one?.map.values.length, one?.map.height, one?.map.width]).toEqual([196, 14, 14]);
  expect(two?.chosen).toBe(0);
  for (const answer of [one, two]) {
    expect(answer?.agreement).toBeGreaterThan(-1);
    expect(answer?.agreement).toBeLessThan(1);
  }
  await mapper.close();
});

test("occlusion needs nothing of a network but its answers", async () => {
  const network = mapClassifier(({ b, drawn }, image) => {
    const features = b.node("MeanVarianceNormalization", [image]);
    const flat = b.node("Flatten", [features]);
    return b.node("Gemm", [flat, drawn("head.weight", [3 * SIDE * SIDE, CLASSES])]);
  });
  const mapper = await load(network, { method: "occlusion" });
  const [answer] = await mapper.maps(mapPhotos(1), [-1]);
  expect(answer?.map.values.some((value) => value > 0)).toBe(true);
  expect(answer?.agreement).toBeUndefined();
});

test("choices that cannot be meant are refused", async () => {
  await expect(load(pooledNetwork(), { method: "cam", layer: "deep" })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: "A layer can be chosen for Grad-CAM only, not for the method cam.",
  });
  await expect(load(transformer("class token"), { method: "cam" })).rejects.toMatchObject({
    code: "UNSUPPORTED",
    hint: "Use Grad-CAM: --method grad-cam",
  });
});
