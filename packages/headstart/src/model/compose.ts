import { type Backbone, composeFront } from "../backbones/index.js";
import { resizeStage } from "../data/index.js";
import { addUnlike, type Unlike } from "../evaluation/index.js";
import { type Graph, GraphBuilder, type Tensor } from "../onnx/index.js";
// Only this file, so that a classifier is loaded without all that trains one.
import { addHead } from "../training/head.js";
import { type Provenance, provenanceMetadata } from "./provenance.js";
import { addProbabilities } from "./temperature.js";

/**
 * Composes the model that is shipped: one graph from a photo to probabilities.
 *
 * Input `image`: uint8 [N, H, W, 3], RGB, any height and width. Outputs `probabilities` and `logits`, float [N, C], the probabilities being
 * softmax(logits / temperature); `features`, float [N, D]; and, where it is known, `unlike`, float [N]: how unlike the training photos each photo
 * is, from 0 to 1.
 *
 * @param backbone - the pretrained network
 * @param head - `weight` [D, C] and `bias` [C], on the backbone's features
 * @param provenance - what the metadata says; the temperature is that of its calibration, or 1
 * @param unlike - what says how unlike the training photos a photo is
 */
export function composeClassifier(
  backbone: Backbone,
  head: { readonly weight: Tensor; readonly bias: Tensor },
  provenance: Provenance,
  unlike?: Unlike,
): Graph {
  const { classes, imageSize, resize } = provenance;
  const front = composeFront(backbone, resizeStage(imageSize, resize));
  const b = GraphBuilder.from(front);
  const weight = b.constant("head.weight", head.weight);
  const bias = b.constant("head.bias", head.bias);
  const { logits } = addHead(b, { features: "features", weight, bias });
  b.clearOutputs();
  const probabilities = addProbabilities(b, logits, provenance.calibration?.temperature ?? 1);
  b.output("probabilities", "float32", ["N", classes.length], probabilities);
  b.output("logits", "float32", ["N", classes.length], logits);
  b.output("features", "float32", ["N", backbone.features]);
  if (unlike !== undefined) b.output("unlike", "float32", ["N"], addUnlike(b, "features", unlike));
  for (const [key, value] of provenanceMetadata(provenance)) b.metadata(key, value);
  return b.build();
}
