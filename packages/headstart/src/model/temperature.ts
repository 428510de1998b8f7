import { HeadstartError } from "../errors.js";
import { float32, type Graph, type GraphBuilder } from "../onnx/index.js";
import { type Provenance, provenanceMetadata, readProvenance } from "./provenance.js";

/** The constant of a shipped model that its logits are divided by. */
const TEMPERATURE = "calibration.temperature";

/**
 * Adds softmax(logits / temperature).
 *
 * @param builder - the graph that the nodes are added to
 * @param logits - the name of the logits, float `[N, C]`
 * @param temperature - above 0; 1 leaves the logits as they are
 * @returns the name of the probabilities, float `[N, C]`
 */
export function addProbabilities(builder: GraphBuilder, logits: string, temperature: number): string {
  const constant = builder.constant(TEMPERATURE, float32([], [temperature]));
  return builder.node("Softmax", [builder.node("Div", [logits, constant])], { axis: 1 });
}

/**
 * A shipped model with another calibration.
 *
 * @param graph - a model that `composeClassifier` or `composePretrained` made
 * @param calibration - in place of the one that it has, if any
 * @throws HeadstartError `UNSUPPORTED` for a model of an earlier version, whose probabilities cannot be scaled; as `readProvenance`
 */
export function recalibrated(graph: Graph, calibration: Provenance["calibration"]): Graph {
  const provenance = readProvenance(graph);
  if (!graph.initializers.has(TEMPERATURE))
    throw new HeadstartError(
      "UNSUPPORTED",
      "The probabilities of this model cannot be scaled: an earlier version of Headstart made it.",
      "Train it again.",
    );
  const temperature = float32([], [calibration?.temperature ?? 1]);
  return {
    ...graph,
    initializers: new Map([...graph.initializers, [TEMPERATURE, temperature]]),
    metadata: new Map([...graph.metadata, ...provenanceMetadata({ ...provenance, calibration })]),
  };
}
