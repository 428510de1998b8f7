import { composeClassifier, type Provenance } from "../../src/model/index.js";
import { float32, type Graph } from "../../src/onnx/index.js";
import { createRandom } from "../../src/random.js";
import { TINY_FEATURES, tinyBackbone } from "./tiny-backbone.js";

/** What a {@link tinyModel} says about itself. */
export const TINY_PROVENANCE: Provenance = {
  format: 1,
  version: "0.0.0",
  classes: ["cat", "dog", "fox"],
  imageSize: 32,
  resize: "bicubic",
  backbone: { name: "tiny", sha256: "", licence: "not stated", source: "not stated", precision: "float32" },
  recipe: "default",
  seed: 0,
  metrics: {},
  data: "",
};

/** A classifier of three classes on the tiny backbone, with a head that a seed gives; the backbone's files go into a folder. */
export async function tinyModel(folder: string, provenance: Partial<Provenance> = {}): Promise<Graph> {
  const random = createRandom(3, "tiny head");
  const weight = random.fill(new Float32Array(TINY_FEATURES * 3), (r) => r.between(-2, 2));
  const bias = random.fill(new Float32Array(3), (r) => r.between(-1, 1));
  const head = { weight: float32([TINY_FEATURES, 3], weight), bias: float32([3], bias) };
  return composeClassifier(await tinyBackbone(folder), head, { ...TINY_PROVENANCE, ...provenance });
}
