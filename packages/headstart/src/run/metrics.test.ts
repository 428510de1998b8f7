import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { evaluate } from "../evaluation/index.js";
import { readMetrics, writeMetrics } from "./metrics.js";

const classes = ["ant", "bee"];
const metrics = {
  train: evaluate(Float32Array.of(0.9, 0.1, 0.2, 0.8), [0, 1], classes),
  validation: evaluate(Float32Array.of(0.4, 0.6), [0], classes),
  test: evaluate(new Float32Array(0), [], classes),
};

describe("metrics.json", () => {
  test("is read as it was written, with null where there is no figure", async () => {
    const folder = folderWith({});
    expect(await readMetrics(folder)).toBeUndefined();
    await writeMetrics(folder, metrics);
    expect(await readMetrics(folder)).toEqual(metrics);
    expect(metrics.test).toMatchObject({ photos: 0, accuracy: null, accuracyInterval: null });
  });

  test.each(["", "null", "{", "[]", JSON.stringify({ ...metrics, test: {} })])(
    "that is damaged is none, so the run is not finished: %j",
    async (text) => {
      const folder = folderWith({});
      writeFileSync(join(folder, "metrics.json"), text);
      expect(await readMetrics(folder)).toBeUndefined();
    },
  );

  test("that may not be read is no missing one", async () => {
    const folder = folderWith({});
    mkdirSync(join(folder, "metrics.json"));
    await expect(readMetrics(folder)).rejects.toMatchObject({ code: "EISDIR" });
  });
});
