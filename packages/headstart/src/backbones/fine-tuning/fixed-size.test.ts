import { expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { float32, floats, GraphBuilder } from "../../onnx/index.js";
import { atImageSize } from "./fixed-size.js";

/** Adds the number of places to each, by way of lists that depend on the photos' number and size. */
function network() {
  const b = new GraphBuilder("sizes");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const shape = b.node("Shape", [image]);
  const at = (index: number) => b.node("Gather", [shape, b.integers([index])]);
  const places = b.node("Mul", [at(2), at(3)], {}, { name: "places" });
  const list = b.node("Concat", [at(0), at(1), places], { axis: 0 });
  const rows = b.node("Reshape", [image, list], {}, { name: "rows" });
  const token = b.constant("token", float32([1, 3, 1], [1, 2, 3]));
  const tokens = b.node("Expand", [token, b.node("Concat", [at(0), b.integers([3, 1])], { axis: 0 })]);
  const whole = b.node("Concat", [rows, tokens], { axis: 2 });
  const sum = b.node("ReduceSum", [whole, b.integers([2])], { keepdims: 0 });
  b.output("features", "float32", ["N", 3], b.node("Add", [sum, b.node("Cast", [places], { to: 1 })]));
  return b.build();
}

test("sizes become constants, and the number of photos is worked out", async () => {
  const graph = atImageSize(network(), 4);
  expect(graph.inputs).toEqual([{ name: "image", type: "float32", shape: ["N", 3, 4, 4] }]);
  expect(graph.initializers.has("places")).toBe(true);
  const reshape = graph.nodes.find(({ op }) => op === "Reshape");
  expect(graph.initializers.get(reshape?.inputs[1] ?? "")?.data).toEqual(
    new Uint8Array(new BigInt64Array([-1n, 3n, 16n]).buffer),
  );
  expect(graph.values.get("rows")?.shape).toEqual(["N", 3, 16]);
  expect(graph.nodes.filter(({ op }) => op === "Shape")).toHaveLength(1);
  const image = float32(
    [2, 3, 4, 4],
    Float32Array.from({ length: 96 }, (_, i) => i),
  );
  const [expected, found] = [await runGraph(network(), { image }), await runGraph(graph, { image })];
  expect(found.features && floats(found.features)).toEqual(expected.features && floats(expected.features));
});
