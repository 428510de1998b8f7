import type { Graph } from "../../onnx/index.js";
import { Names } from "../../onnx/names.js";

/** Names that a training step has for values of its own; the network's own values of these names get others. */
const RESERVED = [
  "activations",
  "affine",
  "colour",
  "correct",
  "dropout_mask",
  "head.bias",
  "head.weight",
  "image",
  "label",
  "learning_rate",
  "logits",
  "loss",
  "mix_box",
  "mix_weight",
  "partner",
  "share",
  "step",
  "weight",
];

/**
 * Other names for values of a backbone that are called as something that a training step has: `backbone.` before them.
 *
 * @param backbone - the backbone's graph as it was loaded
 * @returns new names by the backbone's own, of those that change
 */
export function ownNames(backbone: Graph): Map<string, string> {
  const taken = namesOf(backbone);
  const names = new Names([...taken, ...RESERVED]);
  return new Map(
    RESERVED.filter((name) => taken.has(name)).map((name) => [name, names.unique(`backbone.${name}`)]),
  );
}

/** Names of all values of a graph. */
export function namesOf(graph: Graph): Set<string> {
  return new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
}
