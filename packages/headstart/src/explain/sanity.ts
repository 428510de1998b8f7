import { HeadstartError } from "../errors.js";
import { elementBytes, type Graph, type Node, prune, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { HeatMap } from "./mapper.js";

/** Operators that have weights, as their second input. */
const LAYERS = new Set(["Conv", "Gemm", "MatMul"]);

/**
 * Names of the weights of a classifier's last layers before its output `logits`: convolutions and fully connected layers.
 *
 * @param graph - the classifier
 * @param count - of how many layers
 * @returns names of initializers, the last layer's first
 */
export function lastWeights(graph: Graph, count: number): string[] {
  const { nodes } = prune(graph, ["logits"]);
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const weightOf = ({ inputs }: Node): string | undefined => {
    for (let name = inputs[1] ?? ""; ; ) {
      if (graph.initializers.has(name)) return name;
      const maker = makers.get(name);
      // Weights that are stored in another type or order come through operators whose other inputs are settings.
      if (maker === undefined || LAYERS.has(maker.op)) return undefined;
      name = maker.inputs[0] ?? "";
    }
  };
  const names = nodes.filter(({ op }) => LAYERS.has(op)).flatMap((node) => weightOf(node) ?? []);
  return [...new Set(names.reverse())].slice(0, count);
}

/**
 * A network that has forgotten what some of its weights learned: each of them keeps its values, in random order. A map that does not change
 * with them does not show what the network has learned (Adebayo et al., Sanity checks for saliency maps, 2018).
 *
 * @param graph - the network
 * @param weights - names of initializers
 * @param random - where the order comes from
 * @throws HeadstartError `INVALID_OPTION` if there is no such initializer
 */
export function withShuffledWeights(graph: Graph, weights: readonly string[], random: Random): Graph {
  const initializers = new Map(graph.initializers);
  for (const name of weights) {
    const tensor = initializers.get(name);
    if (tensor === undefined)
      throw new HeadstartError("INVALID_OPTION", `The graph ${graph.name} has no weights ${name}.`);
    initializers.set(name, shuffled(tensor, random));
  }
  return { ...graph, initializers };
}

function shuffled(tensor: Tensor, random: Random): Tensor {
  const bytes = elementBytes(tensor.type);
  const order = random.shuffle(Array.from({ length: tensor.data.byteLength / bytes }, (_, i) => i));
  const data = new Uint8Array(tensor.data.byteLength);
  for (const [to, from] of order.entries())
    data.set(tensor.data.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  return { ...tensor, data };
}

/**
 * How much of what speaks for a class lies on the left half of a photo, from 0 to 1: the sum of a map's values above 0 there over their
 * sum everywhere. A column in the middle counts as half; not a number where no value is above 0.
 *
 * @param map - the map
 */
export function shareOnLeft({ values, width }: HeatMap): number {
  let [left, all] = [0, 0];
  for (const [i, value] of values.entries()) {
    const weight = Math.max(0, value);
    all += weight;
    left += weight * Math.min(1, Math.max(0, width / 2 - (i % width)));
  }
  return left / all;
}
