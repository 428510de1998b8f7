import { expect, test } from "vitest";
import { float32, GraphBuilder } from "../../onnx/index.js";
import { networkStages } from "./stages.js";

const values = (dims: readonly number[], from = 0.1) =>
  float32(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => from + i / 100),
  );

test("what layers learn trains; statistics, sizes, masks, single numbers and what prepares photos do not", () => {
  const b = new GraphBuilder("weights");
  const c = (name: string, dims: readonly number[], from?: number) => b.constant(name, values(dims, from));
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const prepared = b.node("Sub", [image, c("mean of photos", [3, 1, 1])]);
  const maps = b.node("Conv", [prepared, c("kernel", [4, 3, 1, 1]), c("bias", [4])], { strides: [8, 8] });
  const norm = b.node("BatchNormalization", [
    maps,
    c("scale", [4]),
    c("offset", [4]),
    c("mean", [4]),
    c("variance", [4]),
  ]);
  const clipped = b.node("Clip", [
    b.node("PRelu", [norm, c("slope", [4, 1, 1])]),
    c("least", []),
    c("most", [], 6),
  ]);
  const factor = b.node("Mul", [b.node("Mul", [clipped, c("two", [1], 2)]), c("layer scale", [4, 1, 1])]);
  const tokens = b.node("Transpose", [b.node("Reshape", [factor, b.integers([0, 4, -1])])], {
    perm: [0, 2, 1],
  });
  const batch = b.node("Shape", [tokens], { start: 0, end: 1 });
  const classToken = b.node("Expand", [
    c("class token", [1, 1, 4]),
    b.node("Concat", [batch, b.integers([1, 4])], { axis: 0 }),
  ]);
  const all = b.node("Concat", [classToken, tokens], { axis: 1 });
  const place = b.node("Unsqueeze", [c("places", [17, 4]), b.integers([0])]);
  const placed = b.node("Add", [all, place]);
  const scores = b.node("MatMul", [placed, b.node("Transpose", [placed], { perm: [0, 2, 1] })]);
  const mask = b.constant(
    "mask",
    float32(
      [17, 17],
      Array.from({ length: 289 }, (_, i) => (i % 3 ? 0 : -100)),
    ),
  );
  const table = b.node("Gather", [
    c("table", [5, 17]),
    b.integers(Array.from({ length: 17 }, (_, i) => i % 5)),
  ]);
  const biased = b.node("Add", [b.node("Add", [scores, mask]), table]);
  const mixed = b.node("MatMul", [b.node("Softmax", [biased]), placed]);
  const normed = b.node("LayerNormalization", [mixed, c("gamma", [4]), c("beta", [4])]);
  const first = b.node(
    "Gather",
    [normed, b.constant("first", { type: "int64", dims: [], data: new Uint8Array(8) })],
    { axis: 1 },
  );
  b.output(
    "features",
    "float32",
    ["N", 2],
    b.node("Gemm", [first, c("matrix", [4, 2]), c("offset of gemm", [2])]),
  );
  const { stages } = networkStages(b.build(), 32);
  expect(stages.flatMap(({ blocks }) => blocks).flatMap(({ weights }) => weights)).toEqual([
    "kernel",
    "bias",
    "scale",
    "offset",
    "slope",
    "layer scale",
    "class token",
    "places",
    "table",
    "gamma",
    "beta",
    "matrix",
    "offset of gemm",
  ]);
});
