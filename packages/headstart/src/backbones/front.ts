import { type Graph, GraphBuilder } from "../onnx/index.js";
import type { Backbone } from "./backbone.js";
import { addPreprocessing } from "./preprocessing.js";

/** Something done to photos on their way to a backbone: takes and returns a float value [N, 3, H, W], RGB from 0 to 255. */
export type PhotoStage = (builder: GraphBuilder, image: string) => string;

/**
 * The way from photos to features as a graph: input `image` uint8 [N, H, W, 3], RGB; output `features` float [N, D].
 *
 * @param backbone - the pretrained network, with its own preprocessing
 * @param stage - what is done to the photos before the preprocessing, such as resizing or augmentation; it may declare inputs of its own
 */
export function composeFront(
  backbone: Pick<Backbone, "name" | "graph" | "features" | "preprocessing">,
  stage: PhotoStage = (_, image) => image,
): Graph {
  const builder = new GraphBuilder(backbone.name);
  const image = builder.input("image", "uint8", ["N", "H", "W", 3]);
  const planes = builder.node("Transpose", [image], { perm: [0, 3, 1, 2] });
  const values = builder.node("Cast", [planes], { to: 1 });
  const prepared = addPreprocessing(builder, stage(builder, values), backbone.preprocessing);
  // What the backbone says of sizes stays out: its H and W are those of its own input, not of the photos here.
  const outputs = builder.include({ ...backbone.graph, values: new Map() }, { image: prepared });
  builder.output("features", "float32", ["N", backbone.features], outputs.get("features"));
  return builder.build();
}
