import { float32, type Graph, type GraphBuilder } from "../onnx/index.js";
import { chooseClass, declareOutputs } from "./chosen.js";
import { findPooledHead, type PooledHead } from "./head.js";
import type { MapLayer } from "./layer.js";
import { addPlaces, addWeightedSum } from "./places.js";

/** A graph that makes maps of what a classifier looks at, and the layer that they are taken at. */
export interface MapGraph {
  /**
   * Inputs `image` as the classifier takes it and `class`, int64 [N], the classes to explain, -1 for the most probable one. Outputs `map` float
   * [N, H, W], `chosen` int64 [N], `probabilities` and `logits` float [N, C], `score` float [N, 1].
   */
  readonly graph: Graph;
  readonly layer: MapLayer;
}

/**
 * Class activation maps (Zhou et al., Learning deep features for discriminative localization, 2016), of a network whose logits are a linear
 * layer of the average of its last feature maps: at each place the sum over the channels of the class's weight times the
 * feature. They are exact: the average of a map and the class's bias, which is the output `bias` float [N], make the logit. Places that speak
 * against the class are negative.
 *
 * @param classifier - a graph with the input `image` and the outputs `probabilities` and `logits`
 * @returns undefined for a network that ends in another way; see `composeGradCam`
 * @throws HeadstartError `INVALID_MODEL` if it has no such outputs
 */
export function composeCam(classifier: Graph): MapGraph | undefined {
  const chosen = chooseClass(classifier);
  const { builder: b, graph, classes, logits } = chosen;
  const head = findPooledHead(graph, logits);
  if (head === undefined) return undefined;
  const { layer, weight, biases } = head;
  const ofClass =
    weight === undefined
      ? b.node("OneHot", [
          chosen.chosen,
          b.integers([classes]),
          b.constant("off and on", float32([2], [0, 1])),
        ])
      : b.node("Gather", [rowsOf(b, weight, classes), chosen.chosen], { axis: 0 });
  const weights = b.node("Unsqueeze", [ofClass, b.integers([1])]);
  const map = addWeightedSum(b, weights, addPlaces(b, layer.name, layer), layer);
  const bias = biases
    .map((name) => b.node("Gather", [b.node("Reshape", [name, b.integers([-1])]), chosen.chosen]))
    .reduce((sum, one) => b.node("Add", [sum, one]), b.scalar(0));
  b.output("map", "float32", ["N", layer.height, layer.width], map);
  b.output("bias", "float32", ["N"], b.node("Expand", [bias, b.node("Shape", [chosen.chosen])]));
  declareOutputs(chosen);
  return { graph: b.build(), layer };
}

/** The weights of a linear layer with a row for each class. */
function rowsOf(
  b: GraphBuilder,
  { name, classAxis }: NonNullable<PooledHead["weight"]>,
  classes: number,
): string {
  // A convolution's have two dimensions more.
  if (classAxis === 0) return b.node("Reshape", [name, b.integers([classes, -1])]);
  return b.node("Transpose", [name], { perm: [1, 0] });
}
