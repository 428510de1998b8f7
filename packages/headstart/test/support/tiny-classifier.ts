import type { Unlike } from "../../src/evaluation/index.js";
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

/** A calibration of a {@link tinyModel}: it is very unsure, confident from 0.5 on for 0.9, never for 0.99. */
export const TINY_CALIBRATION: NonNullable<Provenance["calibration"]> = {
  fittedOn: "train",
  temperature: 4,
  photos: 100,
  thresholds: [
    { asked: 0.9, threshold: 0.5, accuracy: 0.97, atLeast: 0.91, coverage: 0.6 },
    { asked: 0.99, threshold: null },
  ],
  sets: [
    { method: "lac", coverage: 0.8, threshold: 0.1, photos: 100 },
    { method: "lac", coverage: 0.95, threshold: 1, photos: 100 },
  ],
};

/**
 * A classifier of three classes on the tiny backbone, with a head that a seed gives; the backbone's files go into a folder.
 *
 * @param provenance - what its metadata says besides
 * @param unlike - what says how unlike the training photos a photo is
 */
export async function tinyModel(
  folder: string,
  provenance: Partial<Provenance> = {},
  unlike?: Unlike,
): Promise<Graph> {
  const random = createRandom(3, "tiny head");
  const weight = random.fill(new Float32Array(TINY_FEATURES * 3), (r) => r.between(-2, 2));
  const bias = random.fill(new Float32Array(3), (r) => r.between(-1, 1));
  const head = { weight: float32([TINY_FEATURES, 3], weight), bias: float32([3], bias) };
  return composeClassifier(await tinyBackbone(folder), head, { ...TINY_PROVENANCE, ...provenance }, unlike);
}
