import { type Graph, GraphBuilder } from "../onnx/index.js";

/**
 * The front of a step that trains on stored features: inputs `stored`, float [M, D], the features of all training photos, and `row`,
 * int64 [N], those of the batch; output `features`, float [N, D].
 *
 * @param features - D
 */
export function composeStoredFront(features: number): Graph {
  const b = new GraphBuilder("stored features");
  const stored = b.input("stored", "float32", ["M", features]);
  const row = b.input("row", "int64", ["N"]);
  b.output("features", "float32", ["N", features], b.node("Gather", [stored, row], { axis: 0 }));
  return b.build();
}
