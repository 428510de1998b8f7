import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Backbone, loadBackbone } from "../../src/backbones/index.js";
import { type Dim, float32, type Graph, GraphBuilder, writeModel } from "../../src/onnx/index.js";
import { createRandom } from "../../src/random.js";

/** Number of features that {@link tinyClassifier} has. */
export const TINY_FEATURES = 8;

/** A small image classifier with weights that a seed gives: convolution, ReLU, global average, a fully connected layer of five classes. */
export function tinyClassifier(shape: readonly Dim[] = ["N", 3, "H", "W"], input = "image", seed = 1): Graph {
  const random = createRandom(seed, "tiny backbone");
  const weights = (dims: readonly number[], range: number) =>
    float32(
      dims,
      random.fill(new Float32Array(dims.reduce((a, b) => a * b)), (r) => r.between(-range, range)),
    );
  const b = new GraphBuilder("tiny");
  const image = b.input(input, "float32", shape);
  const kernel = b.constant("kernel", weights([TINY_FEATURES, 3, 3, 3], 0.5));
  const bias = b.constant("bias", weights([TINY_FEATURES], 0.5));
  const maps = b.node("Conv", [image, kernel, bias], { strides: [2, 2], pads: [1, 1, 1, 1] });
  const pooled = b.node("GlobalAveragePool", [b.node("Relu", [maps])]);
  const features = b.node("Flatten", [pooled], { axis: 1 });
  const last = b.constant("last", weights([TINY_FEATURES, 5], 1));
  b.output(
    "logits",
    "float32",
    ["N", 5],
    b.node("Gemm", [features, last, b.constant("zero", weights([5], 1))]),
  );
  return b.build();
}

/** The description that goes beside {@link tinyClassifier}. */
export const TINY_DESCRIPTION = {
  name: "tiny",
  file: "tiny.onnx",
  imageSize: 32,
  minimumImageSize: 8,
  preprocessing: { channels: "RGB", mean: [127, 127, 127], std: [64, 64, 64] },
};

/** Writes a classifier and its description, and returns the path of the classifier. */
export function writeBackbone(
  folder: string,
  model: Graph | Uint8Array = tinyClassifier(),
  description: object | string = TINY_DESCRIPTION,
): string {
  const file = join(folder, "tiny.onnx");
  writeFileSync(file, model instanceof Uint8Array ? model : writeModel(model));
  const text = typeof description === "string" ? description : JSON.stringify(description);
  writeFileSync(join(folder, "tiny.json"), text);
  return file;
}

/** A backbone made of {@link tinyClassifier}, its files in a folder. */
export async function tinyBackbone(folder: string): Promise<Backbone> {
  return await loadBackbone(writeBackbone(folder));
}
