import { type Graph, GraphBuilder } from "../onnx/index.js";
import type { Backbone } from "./backbone.js";
import { addPreprocessing } from "./preprocessing.js";

/** Something done to photos on their way to a backbone: takes and returns a float value [N, 3, H, W], RGB from 0 to 255. */
export type PhotoStage = (builder: GraphBuilder, image: string) => string;

/** Photos as they are. */
const AS_THEY_ARE: PhotoStage = (_, image) => image;

/**
 * The way from photos to features as a graph: input `image` uint8 [N, H, W, 3], RGB; output `features` float [N, D].
 *
 * @param backbone - the pretrained network, with its own preprocessing
 * @param stage - what is done to the photos before the preprocessing, such as resizing or augmentation; it may declare inputs of its own
 * @param output - what the output is called
 */
export function composeFront(
  backbone: Pick<Backbone, "name" | "graph" | "features" | "preprocessing">,
  stage: PhotoStage = AS_THEY_ARE,
  output: "features" | "activations" = "features",
): Graph {
  const builder = new GraphBuilder(backbone.name);
  const prepared = addPhotos(builder, backbone, stage);
  // What the backbone says of sizes stays out: its H and W are those of its own input, not of the photos here.
  const outputs = builder.include({ ...backbone.graph, values: new Map() }, { image: prepared });
  builder.output(output, "float32", ["N", backbone.features], outputs.get("features"));
  return builder.build();
}

/**
 * The way from photos to what the first layer of a backbone reads: input `image` uint8 [N, H, W, 3], RGB; output `activations` float
 * [N, 3, H, W], prepared.
 *
 * @param backbone - the pretrained network, with its own preprocessing
 * @param stage - as for {@link composeFront}
 */
export function composePhotos(
  backbone: Pick<Backbone, "name" | "preprocessing">,
  stage: PhotoStage = AS_THEY_ARE,
): Graph {
  const builder = new GraphBuilder(backbone.name);
  const prepared = addPhotos(builder, backbone, stage);
  builder.output("activations", "float32", ["N", 3, "H", "W"], prepared);
  return builder.build();
}

/** Photos as a backbone takes them, float [N, 3, H, W]. */
function addPhotos(
  builder: GraphBuilder,
  { preprocessing }: Pick<Backbone, "preprocessing">,
  stage: PhotoStage,
): string {
  const image = builder.input("image", "uint8", ["N", "H", "W", 3]);
  const planes = builder.node("Transpose", [image], { perm: [0, 3, 1, 2] });
  const values = builder.node("Cast", [planes], { to: 1 });
  return addPreprocessing(builder, stage(builder, values), preprocessing);
}
