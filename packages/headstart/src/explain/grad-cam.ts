import { differentiate, missingRules } from "../autodiff/index.js";
import { HeadstartError } from "../errors.js";
import { type Graph, GraphBuilder, type Node, prune } from "../onnx/index.js";
import type { MapGraph } from "./cam.js";
import { chooseClass, declareOutputs } from "./chosen.js";
import { chooseLayer, hint, type MapLayer, mapLayers } from "./layer.js";
import { addPlaces, addWeightedSum } from "./places.js";

/** Operators of quantised networks; in whole numbers there is no slope. */
const QUANTISED = new Set(["DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"]);

/**
 * Grad-CAM (Selvaraju et al., Grad-CAM: visual explanations from deep networks via gradient-based localization, 2017) at any layer of a
 * network: at each place the sum over the channels of weight times value, negative sums set to 0; the weight of a channel is the average
 * over its places of the gradient of the class's logit. Of two classes, the logit is that of the class less that of the other.
 *
 * The class token of a vision transformer and other tokens that stand for no place are left out.
 *
 * @param classifier - a graph with the input `image` and the outputs `probabilities` and `logits`
 * @param name - the layer: name of a value, or of a node for what it makes first. Default: the last one that everything goes through and
 *   that has several places (among tokens, before the last attention where the class is read off a class token)
 * @throws HeadstartError `INVALID_OPTION` if there is no such layer or it has no map; `UNSUPPORTED` if the network has none, or the nodes behind the
 *   layer are quantised or have no gradient rule; `INVALID_MODEL` if it is no classifier
 */
export function composeGradCam(classifier: Graph, name?: string): MapGraph {
  const chosen = chooseClass(classifier);
  const { builder, graph, logits } = chosen;
  const { layer, behind } = chooseLayer(graph, logits, name);
  const score = builder.node("ReduceSum", [declareOutputs(chosen)], { keepdims: 0 });
  const whole = builder.build();
  const obstacles = obstaclesIn(whole, score, layer, behind);
  if (obstacles.length > 0) throw refused(graph, logits, layer, obstacles);
  const { graph: both, gradients } = differentiate(whole, score, [layer.name]);
  const b = GraphBuilder.from(both);
  const gradient = addPlaces(b, gradients.get(layer.name) ?? "", layer);
  const weights = b.node("ReduceMean", [gradient, b.integers([2])], { keepdims: 1 });
  const rows = b.node("Transpose", [weights], { perm: [0, 2, 1] });
  const sum = addWeightedSum(b, rows, addPlaces(b, layer.name, layer), layer);
  b.output("map", "float32", ["N", layer.height, layer.width], b.node("Relu", [sum]));
  return { graph: prune(b.build(), undefined, { keepInputs: true }), layer };
}

/** The nodes behind a layer that no gradient passes. */
function obstaclesIn(graph: Graph, score: string, layer: MapLayer, behind: readonly Node[]): readonly Node[] {
  const quantised = behind.filter(({ op }) => QUANTISED.has(op));
  return quantised.length > 0 ? quantised : missingRules(graph, score, [layer.name]);
}

function refused(graph: Graph, logits: string, layer: MapLayer, obstacles: readonly Node[]): HeadstartError {
  const last = graph.nodes.findLastIndex((node) => obstacles.some(({ name }) => name === node.name));
  const open = mapLayers(graph, logits).filter(({ name }) =>
    graph.nodes.slice(last).some(({ outputs }) => outputs.includes(name)),
  );
  const [first] = obstacles;
  const isQuantised = obstacles.some(({ op }) => QUANTISED.has(op));
  const others = obstacles.length > 1 ? ` and ${obstacles.length - 1} more` : "";
  return new HeadstartError(
    "UNSUPPORTED",
    isQuantised
      ? `Behind the layer ${layer.name} the network computes in int8, where there are no gradients, so Grad-CAM cannot be taken there.`
      : `Behind the layer ${layer.name} stands ${first?.name} (${first?.op})${others}, for which there is no gradient, so Grad-CAM cannot be taken there.`,
    open.length > 0 ? hint(graph, logits, open) : "Hide parts of the photo instead: --method occlusion",
  );
}
