import { HeadstartError } from "../errors.js";
import type { Graph, Node } from "./graph.js";
import { LastLayers } from "./last-layer.js";
import { KEEPS_SCORES, scoreOutputs } from "./score-outputs.js";
import { inferShapes } from "./shapes/infer.js";

/** Where a classifier's scores are. */
export interface Scores {
  /** The value that holds one score for each class, before it is turned into probabilities. */
  readonly scores: string;
  /** What the network itself turns them into probabilities by, if it does. */
  readonly activation: "softmax" | "sigmoid" | "none";
}

const ACTIVATIONS: Readonly<Record<string, Scores["activation"]>> = {
  LogSoftmax: "softmax",
  Sigmoid: "sigmoid",
  Softmax: "softmax",
};

/**
 * Finds the scores of a classifier: what goes into the softmax or sigmoid behind its last fully connected layer, or what comes out of the network
 * where there is neither.
 *
 * @throws HeadstartError `INVALID_MODEL` if no output comes from a last fully connected layer
 */
export function findScores(graph: Graph): Scores {
  const shaped = inferShapes(graph);
  const layers = new LastLayers(shaped);
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) makers.set(output, node);
  for (const { name } of scoreOutputs(shaped.outputs)) {
    if (layers.before(name) === undefined) continue;
    // Of what only moves the scores about, the value nearest to the output is taken.
    let plain: string | undefined;
    for (let value = name; ; ) {
      const node = makers.get(value);
      const activation = ACTIVATIONS[node?.op ?? ""];
      if (node !== undefined && activation !== undefined) return { scores: node.inputs[0] ?? "", activation };
      const exponent = softmaxInParts(node, makers);
      if (exponent !== undefined) return { scores: exponent, activation: "softmax" };
      if (node === undefined || !KEEPS_SCORES.has(node.op))
        return { scores: plain ?? value, activation: "none" };
      if (CHOOSES.has(node.op)) plain = undefined;
      else plain ??= value;
      value = node.inputs[0] ?? "";
    }
  }
  throw new HeadstartError(
    "INVALID_MODEL",
    `The graph ${graph.name} has no last fully connected layer, so its scores cannot be found. ${layers.seen()}`,
    "Use an image classifier that ends in a fully connected layer.",
  );
}

/** What a softmax written as exponentials divided by their sum is made of; undefined for another node. */
function softmaxInParts(node: Node | undefined, makers: ReadonlyMap<string, Node>): string | undefined {
  const [exponential = "", sum = ""] = node?.op === "Div" ? node.inputs : [];
  const [exp, reduce] = [makers.get(exponential), makers.get(sum)];
  if (exp?.op !== "Exp" || reduce?.op !== "ReduceSum" || reduce.inputs[0] !== exponential) return undefined;
  return exp.inputs[0];
}

/** Those behind which there is no score for each class any more. */
const CHOOSES = new Set(["ArgMax", "Hardmax", "TopK"]);
