import { expect, test } from "vitest";
import { float32, GraphBuilder, int64 } from "../onnx/index.js";
import { countParameters } from "./parameters.js";

const ones = (...dims: number[]) => float32(dims, new Float32Array(dims.reduce((a, b) => a * b)).fill(1));

/** A convolution, batch normalisation and a clip; `store` says how the statistics are kept. */
function network(store: (b: GraphBuilder, name: string) => string) {
  const b = new GraphBuilder("network");
  const x = b.input("x", "float32", ["N", 3, 8, 8]);
  const maps = b.node("Conv", [x, b.constant("kernel", ones(4, 3, 3, 3))]);
  const scale = b.constant("scale", ones(4));
  const bias = b.constant("bias", ones(4));
  const normal = b.node("BatchNormalization", [maps, scale, bias, store(b, "mean"), store(b, "variance")]);
  const clipped = b.node("Clip", [normal, b.scalar(0), b.scalar(6)]);
  b.output("y", "float32", ["N", 4], b.node("Reshape", [clipped, b.constant("shape", int64([2], [0, -1]))]));
  return b.build();
}

test("counts what training moves: no running statistics, limits or shapes", () => {
  expect(countParameters(network((b, name) => b.constant(name, ones(4))))).toBe(4 * 3 * 9 + 4 + 4);
});

test("statistics are told apart when they are stored in another type", () => {
  const half = { type: "float16", dims: [4], data: new Uint8Array(8) } as const;
  const graph = network((b, name) => b.node("Cast", [b.constant(name, half)], { to: 1 }));
  expect(countParameters(graph)).toBe(4 * 3 * 9 + 4 + 4);
});
