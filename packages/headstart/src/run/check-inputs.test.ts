import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { scene, writeJpeg } from "../../test/support/scenes.js";
import { newFolder } from "../../test/support/temporary.js";
import { composeFront, loadBackbone } from "../backbones/index.js";
import { decodePhoto, FeatureStore } from "../data/index.js";
import { Runtime } from "../runtime/index.js";
import { extractFeatures, type FeaturePhoto } from "../training/index.js";
import { asByDefault, readCheckInputs } from "./check-inputs.js";
import type { Progress } from "./progress.js";

const folder = newFolder();
const runtime = Runtime.start({ threads: 1 });
const photos: FeaturePhoto[] = [0, 1, 2].map((i) => {
  const name = `${i}.jpg`;
  return { name, path: join(folder, name), digest: String(i).repeat(64) };
});
const SIZE = 224;

beforeAll(async () => {
  for (const [i, { path }] of photos.entries()) await writeJpeg(path, scene("cat", i, 90 + 40 * i));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Features as `train` computes them, in a store of the space that it uses. */
async function train(cache: string): Promise<Float32Array> {
  const backbone = await loadBackbone();
  const space = {
    backbone: backbone.digest,
    size: SIZE,
    precision: backbone.precision,
    preprocessing: JSON.stringify({ resize: "bicubic", ...backbone.preprocessing }),
  };
  const store = await FeatureStore.open(cache, space, { limit: 1e9 });
  const front = { graph: composeFront(backbone), features: backbone.features };
  await extractFeatures(runtime, front, photos, {
    imageSize: SIZE,
    batchSize: 32,
    decode: ({ path }, into) => decodePhoto(path, { resize: "bicubic", size: SIZE, into }),
    store,
  });
  const { features } = await store.load(photos.map(({ digest }) => digest));
  await store.close();
  return features;
}

test("features are those of train, to the bit, and what photos look like is the same however it is come by", async () => {
  const backbone = await loadBackbone();
  const read = async (cache: string) => {
    vi.stubEnv("HEADSTART_CACHE", join(folder, cache));
    const phases: string[] = [];
    const onProgress = (progress: Progress) => {
      if (progress.kind === "progress" && progress.done < progress.total) phases.push(progress.phase);
    };
    const inputs = await readCheckInputs({ ...asByDefault(backbone), runtime, onProgress }, photos);
    const [features, grey] = await Promise.all(
      [inputs.features, inputs.grey].map((rows) => rows.read([0, 1, 2])),
    );
    return { ...inputs, features, grey, phases };
  };
  const cold = await read("cold");
  expect(cold.phases).toContain("features");
  const trained = await train(join(folder, "trained"));
  expect(cold.features).toEqual(trained);

  const afterTraining = await read("trained");
  expect(afterTraining.features).toEqual(trained);
  expect(afterTraining.appearances.map(({ width }) => width)).toEqual([90, 130, 170]);
  const differences = cold.grey?.map((value, i) => Math.abs(value - (afterTraining.grey?.[i] ?? 0)));
  expect(Math.max(...(differences ?? [1]))).toBeLessThan(0.05);

  const stored = await read("cold");
  expect(stored.phases).toEqual([]);
  expect(stored.grey).toEqual(cold.grey);
  expect(stored.appearances).toEqual(cold.appearances);
});
