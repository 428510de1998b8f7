import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { writeKerasWeights } from "../../test/support/keras-model.js";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import { float32 } from "../onnx/index.js";
import { loadBackbone } from "./backbone.js";
import { readArchitecture, withoutTop } from "./keras/applications/architecture.js";
import { layersOf } from "./keras/applications/import.js";
import { listNetworks } from "./registry.js";
import { remoteFile } from "./sources/keras.js";

// The published weights are not here, so that the test's own are served in their place, without a checksum.
vi.mock("./keras/applications/registry.js", async (original) => {
  const registry = await original<typeof import("./keras/applications/registry.js")>();
  const own = registry.applicationNamed("mobilenetv2");
  const { url, path } = own.weights.noTop;
  const mobilenetv2 = { ...own, weights: { ...own.weights, noTop: { url, path } } };
  return { ...registry, KERAS_APPLICATIONS: { ...registry.KERAS_APPLICATIONS, mobilenetv2 } };
});

afterEach(() => vi.unstubAllEnvs());

/** A mirror that has weights for MobileNetV2. */
async function mirror(): Promise<string> {
  const folder = folderWith({});
  const { url } = remoteFile("keras:mobilenetv2");
  const { host, pathname } = new URL(url);
  const file = join(folder, host, pathname);
  mkdirSync(dirname(file), { recursive: true });
  const layers = layersOf(withoutTop(await readArchitecture("mobilenetv2")), null);
  const written = join(folder, "weights.h5");
  await writeKerasWeights(
    written,
    layers.map(({ path, weights }, i) => ({
      // Names are of no account: files are read by the order of their layers.
      name: `layer_${i}_${path.join("_")}`,
      arrays: Object.fromEntries(weights.map(({ name, shape }) => [`${name}:0`, shape])),
    })),
  );
  copyFileSync(written, file);
  return folder;
}

test("a Keras network by name is fetched, built and cut at its features", async () => {
  vi.stubEnv("HEADSTART_CACHE", folderWith({}));
  vi.stubEnv("HEADSTART_MIRROR", await mirror());
  const isHere = async () => (await listNetworks()).find(({ name }) => name === "keras:mobilenetv2")?.isHere;
  expect(await isHere()).toBe(false);
  const files = new Set<string>();
  const backbone = await loadBackbone("keras:MobileNetV2", { onProgress: ({ file }) => files.add(file) });
  expect(backbone).toMatchObject({
    choice: "keras:mobilenetv2",
    name: "keras:mobilenetv2",
    features: 1280,
    imageSize: 224,
    minimumImageSize: 32,
    preprocessing: { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
    preparation: "as Keras prepares them for MobileNetV2",
    licence: "Apache-2.0",
    reason: "features is what the network ends in.",
    precision: "float32",
  });
  expect([...files]).toEqual([remoteFile("keras:mobilenetv2").path]);
  expect(await isHere()).toBe(true);
  const image = float32([2, 3, 64, 64], new Float32Array(2 * 3 * 64 * 64).fill(0.5));
  expect((await runGraph(backbone.graph, { image })).features?.dims).toEqual([2, 1280]);
});
