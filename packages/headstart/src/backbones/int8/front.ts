import { type Graph, GraphBuilder, merge } from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";
import { addPreprocessing } from "../preprocessing.js";

/**
 * Puts the way from photos to a backbone's input before a graph: its input `image` becomes uint8 [N, H, W, 3], RGB. Other than `composeFront`
 * it keeps all outputs.
 *
 * @param graph - a graph with the input `image`, float [N, 3, H, W]
 * @param backbone - says how photos are prepared
 */
export function fromPhotos(graph: Graph, { preprocessing }: Pick<Backbone, "preprocessing">): Graph {
  const b = new GraphBuilder(graph.name);
  const image = b.input("image", "uint8", ["N", "H", "W", 3]);
  const planes = b.node("Transpose", [image], { perm: [0, 3, 1, 2] });
  const prepared = addPreprocessing(b, b.node("Cast", [planes], { to: 1 }), preprocessing);
  b.output("prepared", "float32", ["N", 3, "H", "W"], prepared);
  // What the graph says of sizes stays out: its H and W are those of its own input.
  return merge(b.build(), { ...graph, values: new Map() }, { image: "prepared" });
}
