import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { folderWith } from "../../../test/support/temporary.js";
import { TINY_FEATURES, tinyBackbone } from "../../../test/support/tiny-backbone.js";
import { TINY_PROVENANCE } from "../../../test/support/tiny-classifier.js";
import { composeClassifier, summarise } from "../../model/index.js";
import { findFeatures, float32, floats, readModel, uint8, writeModel } from "../../onnx/index.js";
import { Runtime } from "../../runtime/index.js";
import { int8Backbone } from "./index.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

test("a classifier on an int8 backbone is written, read, summarised and answers as in float", async () => {
  const folder = folderWith({});
  const backbone = await tinyBackbone(folder);
  const image = uint8(
    [4, 32, 32, 3],
    Array.from({ length: 4 * 32 * 32 * 3 }, (_, i) => (i * 37 + Math.floor(i / 11)) % 256),
  );
  const { backbone: int8 } = await int8Backbone(runtime, backbone, [image]);
  const head = {
    weight: float32(
      [TINY_FEATURES, 3],
      Array.from({ length: TINY_FEATURES * 3 }, (_, i) => Math.sin(i)),
    ),
    bias: float32([3], [0, 0.1, 0.2]),
  };
  const file = join(folder, "int8.onnx");
  writeFileSync(file, writeModel(composeClassifier(int8, head, TINY_PROVENANCE)));
  const read = readModel(writeModel(composeClassifier(int8, head, TINY_PROVENANCE)));
  expect(findFeatures(read).features).toBe("features");
  const float = await runGraph(composeClassifier(backbone, head, TINY_PROVENANCE), { image });
  const found = await runGraph(read, { image });
  const expected = float.probabilities ? floats(float.probabilities) : [];
  for (const [i, value] of (found.probabilities ? floats(found.probabilities) : []).entries())
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 1);

  const summary = await summarise(file);
  expect(summary.features).toMatchObject({ tensor: "features", count: TINY_FEATURES });
  const convolution = summary.rows.find(({ op }) => op === "Conv");
  expect(convolution?.outputShape?.[1]).toBe(TINY_FEATURES);
  expect(convolution?.parameters).toBeGreaterThanOrEqual(TINY_FEATURES * 27);
});
