import { expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { isClassifier, type Provenance, provenanceMetadata, readProvenance } from "./provenance.js";

const provenance: Provenance = {
  format: 1,
  version: "0.1.0",
  classes: ["Katze", "犬", 'a "fox"'],
  imageSize: 224,
  resize: "bicubic",
  backbone: { name: "tiny", sha256: "00", licence: "MIT", source: "here", precision: "int8" },
  recipe: "default",
  seed: 7,
  epoch: 0,
  calibration: {
    fittedOn: "train",
    temperature: 1.5,
    photos: 80,
    thresholds: [
      { asked: 0.9, threshold: 0.7, accuracy: 0.98, atLeast: 0.91, coverage: 0.8 },
      { asked: 0.99, threshold: null },
    ],
    sets: [{ method: "lac", coverage: 0.9, threshold: 0.6, photos: 80 }],
  },
  metrics: { test: { photos: 4, accuracy: 0.75, top5: 1, loss: null } },
  data: "abc",
};

test("comes back from the metadata as it was", () => {
  expect(readProvenance({ metadata: provenanceMetadata(provenance) })).toEqual(provenance);
});

test("models from before there was int8 compute in float", () => {
  const { precision: _, ...older } = provenance.backbone;
  const metadata = new Map([["headstart", JSON.stringify({ ...provenance, backbone: older })]]);
  expect(readProvenance({ metadata }).backbone).toEqual({ ...older, precision: "float32" });
});

test("tells Headstart's own classifiers from other networks", () => {
  expect(isClassifier({ metadata: provenanceMetadata(provenance) })).toBe(true);
  expect(isClassifier({ metadata: new Map([["classes", "[]"]]) })).toBe(false);
});

test("repeats the class names for other programs", () => {
  expect(JSON.parse(provenanceMetadata(provenance).get("classes") ?? "")).toEqual(provenance.classes);
});

test.each([
  ["no description", undefined, /not a classifier that Headstart made/],
  ["no JSON", "{", /is damaged/],
  ["another format", JSON.stringify({ ...provenance, format: 2 }), /cannot be read/],
  ["one class", JSON.stringify({ ...provenance, classes: ["all"] }), /classes/],
  [
    "a temperature of 0",
    JSON.stringify({ ...provenance, calibration: { ...provenance.calibration, temperature: 0 } }),
    /temperature/,
  ],
  ["an image size of 0", JSON.stringify({ ...provenance, imageSize: 0 }), /imageSize/],
  [
    "figures of a split that does not exist",
    JSON.stringify({ ...provenance, metrics: { best: {} } }),
    /metrics/,
  ],
])("refuses a model with %s", (_, text, message) => {
  const metadata = new Map(text === undefined ? [] : [["headstart", text]]);
  expect(() => readProvenance({ metadata })).toThrow(message);
  expect(() => readProvenance({ metadata })).toThrow(HeadstartError);
});
