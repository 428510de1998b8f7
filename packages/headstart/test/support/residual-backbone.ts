import { float32, type Graph, GraphBuilder } from "../../src/onnx/index.js";
import { createRandom } from "../../src/random.js";
import { writeBackbone } from "./tiny-backbone.js";

/**
 * A small residual classifier with weights that a seed gives: a stem, a stage of one block, a stage of another behind a reduction of size, batch
 * normalisation everywhere, global average, a fully connected layer of five classes.
 */
export function residualClassifier(seed = 1): Graph {
  const random = createRandom(seed, "residual backbone");
  const b = new GraphBuilder("residual");
  const drawn = (name: string, dims: readonly number[], low: number, high: number) =>
    b.constant(
      name,
      float32(
        dims,
        random.fill(new Float32Array(dims.reduce((all, dim) => all * dim)), (r) => r.between(low, high)),
      ),
    );
  const layer = (
    x: string,
    name: string,
    [from, to, size, stride]: readonly [number, number, number, number],
  ) => {
    const limit = Math.sqrt(6 / (from * size * size));
    const weight = drawn(`${name}.weight`, [to, from, size, size], -limit, limit);
    const pad = (size - 1) / 2;
    const made = b.node("Conv", [x, weight], { strides: [stride, stride], pads: [pad, pad, pad, pad] });
    const statistics = [
      drawn(`${name}.scale`, [to], 0.8, 1.2),
      drawn(`${name}.shift`, [to], -0.1, 0.1),
      drawn(`${name}.mean`, [to], -0.1, 0.1),
      drawn(`${name}.variance`, [to], 0.8, 1.2),
    ];
    return b.node("BatchNormalization", [made, ...statistics]);
  };
  const relu = (x: string) => b.node("Relu", [x]);
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const stem = relu(layer(image, "stem", [3, 8, 3, 2]));
  const inner = layer(relu(layer(stem, "stage1.a", [8, 8, 3, 1])), "stage1.b", [8, 8, 3, 1]);
  const first = relu(b.node("Add", [inner, stem]));
  const deep = layer(relu(layer(first, "stage2.a", [8, 16, 3, 2])), "stage2.b", [16, 16, 3, 1]);
  const second = relu(b.node("Add", [deep, layer(first, "stage2.short", [8, 16, 1, 2])]));
  const features = b.node("Flatten", [b.node("GlobalAveragePool", [second])], { axis: 1 });
  const last = drawn("last.weight", [16, 5], -0.5, 0.5);
  b.output("logits", "float32", ["N", 5], b.node("Gemm", [features, last, drawn("last.bias", [5], 0, 1)]));
  return b.build();
}

/** Writes {@link residualClassifier} and its description, and returns the path of the classifier. */
export function writeResidualBackbone(folder: string): string {
  return writeBackbone(folder, residualClassifier());
}
