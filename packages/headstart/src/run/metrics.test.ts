import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { fitCalibration } from "../evaluation/index.js";
import { measureAnswers, readMetrics, writeMetrics } from "./metrics.js";

const classes = ["ant", "bee"];
const calibration = fitCalibration({ logits: [3, 0, 0, 3, 1, 0], labels: [0, 1, 1], classes: 2 });
const measured = (probabilities: readonly number[], labels: readonly number[], unlike?: readonly number[]) =>
  measureAnswers({ probabilities: Float32Array.from(probabilities), labels, unlike }, classes, calibration);
const metrics = {
  train: measureAnswers(
    { probabilities: Float32Array.of(0.9, 0.1, 0.2, 0.8), labels: [0, 1], unlike: undefined },
    classes,
    undefined,
  ),
  validation: measured([0.4, 0.6], [0], [0.995]),
  test: measured([], []),
};

describe("metrics.json", () => {
  test("is read as it was written, with null where there is no figure", async () => {
    const folder = folderWith({});
    expect(await readMetrics(folder)).toBeUndefined();
    await writeMetrics(folder, metrics);
    expect(await readMetrics(folder)).toEqual(metrics);
    expect(metrics.test).toMatchObject({ photos: 0, accuracy: null, accuracyInterval: null });
    expect(metrics.train.certainty).toBeNull();
    expect(metrics.validation.certainty).toMatchObject({ unlike: 1 });
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
