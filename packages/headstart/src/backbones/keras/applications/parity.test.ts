import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { relativeError, runOnPhotos } from "../../../../test/support/keras-applications.js";
import { readSafetensors } from "../../../../test/support/safetensors.js";
import type { Graph } from "../../../onnx/index.js";
import { importApplication } from "./import.js";
import { applicationNamed } from "./registry.js";

const FOLDER = process.env.HEADSTART_KERAS_PARITY;

// The files are made by bench/peers/keras_parity.py, which needs Keras and, for the largest networks,
// gigabytes.
describe.skipIf(FOLDER === undefined)("as Keras, in the folder that HEADSTART_KERAS_PARITY names", () => {
  const files = FOLDER === undefined ? [] : readdirSync(FOLDER);
  const names = files.flatMap((file) => /^(.+)\.safetensors$/.exec(file)?.slice(1) ?? []);

  test.each(names)("%s", { timeout: 600_000 }, async (name) => {
    const { preprocessing } = applicationNamed(name);
    const golden = readSafetensors(join(FOLDER ?? ".", `${name}.safetensors`));
    const errors = new Map<string, number>();
    const measure = async (graph: Graph, photo: string, wanted: string) => {
      const [pixels, expected] = [golden.get(photo), golden.get(wanted)];
      if (pixels === undefined || expected === undefined) throw new Error(`${name} has no ${wanted}`);
      errors.set(wanted, relativeError(await runOnPhotos(graph, pixels, preprocessing), expected));
    };

    const trunk = await importApplication(name, join(FOLDER ?? ".", `${name}_notop.h5`), { top: false });
    for (const key of golden.keys())
      if (key.startsWith("features.")) await measure(trunk, key.replace("features", "photo"), key);
    const whole = await importApplication(name, join(FOLDER ?? ".", `${name}.h5`), { top: true });
    await measure(whole, "photo.top", "probabilities");

    console.log(name, Array.from(errors, ([key, error]) => `${key} ${error.toExponential(1)}`).join(", "));
    for (const error of errors.values()) expect(error).toBeLessThan(1e-4);
  });
});
