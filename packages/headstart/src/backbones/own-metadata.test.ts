import { expect, test } from "vitest";
import { batchOfOne, patterned, worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_FEATURES } from "../../test/support/tiny-backbone.js";
import { tinyModel } from "../../test/support/tiny-classifier.js";
import { float32, floats, toFloat32 } from "../onnx/index.js";
import { cutNetwork } from "./network.js";
import { ownMetadata } from "./own-metadata.js";

test("a classifier that Headstart shipped is a backbone, with the features that it gives out itself", async () => {
  const model = await tinyModel(folderWith({}));
  expect(ownMetadata(model.metadata)).toEqual({
    preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
    preparation: "not at all, because Headstart wrote the model, which prepares them itself",
    imageSize: 32,
    classes: ["cat", "dog", "fox"],
  });
  const network = await cutNetwork(toFloat32(model), { file: "model.onnx" });
  expect(network.features).toBe(TINY_FEATURES);
  const photo = patterned(40, 24);
  const planes = new Float32Array(photo.data.length);
  for (const [i, value] of photo.data.entries()) planes[(i % 3) * 40 * 24 + Math.floor(i / 3)] = value;
  const { features } = await runGraph(network.graph, { image: float32([1, 3, 24, 40], planes) });
  const expected = await runGraph(model, { image: batchOfOne(photo) });
  const wanted = floats(expected.features ?? float32([0], []));
  expect(wanted).toHaveLength(TINY_FEATURES);
  expect(worstDifference(floats(features ?? float32([0], [])), wanted)).toBeLessThan(1e-4);
});

test.each([
  ["no metadata", undefined],
  ["something that is not JSON", "{"],
  ["another format", '{"format":2,"imageSize":32,"classes":["a"]}'],
])("%s is none of Headstart's", (_, text) => {
  expect(ownMetadata(new Map(text === undefined ? [] : [["headstart", text]]))).toBeUndefined();
});
