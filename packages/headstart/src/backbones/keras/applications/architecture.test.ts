import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { elementCount } from "../../../onnx/index.js";
import { readArchitecture, withoutTop } from "./architecture.js";
import { layersOf } from "./import.js";
import { KERAS_APPLICATIONS } from "./registry.js";

const FOLDER = new URL("../../../../architectures/", import.meta.url);

/**
 * Parameters that Keras counts and no graph needs: the number of photos that a Normalization layer has seen.
 */
const COUNTERS: Readonly<Record<string, number>> = { efficientnet: 1 };

describe("architectures", () => {
  test("there is one for each network of the registry, and no other", () => {
    const names = Object.keys(KERAS_APPLICATIONS).map((name) => `${name}.json.gz`);
    expect(readdirSync(FOLDER).sort()).toEqual(names.sort());
  });

  test.each(Object.entries(KERAS_APPLICATIONS))(
    "%s has as many parameters as Keras counts",
    async (name, application) => {
      const whole = await readArchitecture(name);
      const family = name.startsWith("efficientnetb") ? "efficientnet" : name;
      const { imageSize: size, parameters } = application;
      for (const [architecture, expected] of [
        [whole, parameters.top],
        [withoutTop(whole), parameters.noTop],
      ] as const) {
        const weights = layersOf(architecture, [size, size]).flatMap((layer) => layer.weights);
        const counted = weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);
        expect(counted + (COUNTERS[family] ?? 0)).toBe(expected);
      }
    },
  );

  test("an unknown network has none", async () => {
    await expect(readArchitecture("../package")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
