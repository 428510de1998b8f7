import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { relativeError, runOnPhotos } from "../../../../test/support/keras-applications.js";
import { patterned, patternedPhoto } from "../../../../test/support/keras-pattern.js";
import { readSafetensors } from "../../../../test/support/safetensors.js";
import type { KerasWeights } from "../weights.js";
import { type Architecture, readArchitecture, withoutTop } from "./architecture.js";
import { importArchitecture, layersOf } from "./import.js";
import { applicationNamed } from "./registry.js";

const FIXTURES = new URL("../../../../test/fixtures/keras-applications/", import.meta.url);

// Made by bench/peers/keras_patterned.py with Keras 3.15. Weights and photos are formulas, so that only the
// results are stored. At least one network of each family, most at odd sizes, where padding is another matter
// than at even ones.
const golden = readSafetensors(fileURLToPath(new URL("features.safetensors", FIXTURES)));

/** Weights that are a formula of the layer's number among those that have weights. */
function patternedWeights(architecture: Architecture): KerasWeights {
  const layers = layersOf(architecture, null);
  return {
    read(path, wanted) {
      const number = layers.findIndex((layer) => layer.path.join("/") === path.join("/"));
      const className = layers[number]?.className ?? "";
      return wanted.map(({ name, shape }, index) => patterned(number * 8 + index, className, name, shape));
    },
  };
}

describe("networks of Keras make of a photo what Keras makes of it", () => {
  test.each([...golden])("%s", { timeout: 60_000 }, async (key, wanted) => {
    const [name = "", size = ""] = key.split(".");
    const { preprocessing, imageSize } = applicationNamed(name);
    const whole = await readArchitecture(name);
    const architecture = size === "top" ? whole : withoutTop(whole);
    const graph = importArchitecture(architecture, patternedWeights(architecture), null);
    const photo = patternedPhoto(size === "top" ? imageSize : Number(size));
    expect(relativeError(await runOnPhotos(graph, photo, preprocessing), wanted)).toBeLessThan(1e-4);
  });
});
