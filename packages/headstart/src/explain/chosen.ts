import { HeadstartError } from "../errors.js";
import { type Graph, GraphBuilder, inferShapes, renameValues } from "../onnx/index.js";

/** What explaining adds to a classifier's graph under names of its own; the network's own values of these names make room. */
const NAMES = ["class", "chosen", "map", "bias", "score"];

/** A classifier whose class can be chosen. */
export interface Chosen {
  /** The graph without outputs, with the input `class`. */
  readonly builder: GraphBuilder;
  /** The classifier itself, every shape in its `values`. */
  readonly graph: Graph;
  /** Number of classes. */
  readonly classes: number;
  /** The value of the classes that are explained, int64 [N]. */
  readonly chosen: string;
  /** The names of its outputs `probabilities` and `logits`. */
  readonly probabilities: string;
  readonly logits: string;
}

/**
 * Adds the input `class`, int64 [N]: for each photo the class to explain, or -1 for the most probable one.
 *
 * @param classifier - a graph with the input `image` and the outputs `probabilities` and `logits`, float [N, C]
 * @throws HeadstartError `INVALID_MODEL` if it has no such outputs
 */
export function chooseClass(classifier: Graph): Chosen {
  const graph = withRoom(inferShapes(classifier));
  const [probabilities, logits] = ["probabilities", "logits"].map((name) => {
    const found = graph.outputs.find((output) => output.name === name);
    if (found === undefined)
      throw new HeadstartError(
        "INVALID_MODEL",
        `The graph ${graph.name} has no output ${name}, so its answers cannot be explained.`,
        "Give a classifier as `train` writes it.",
      );
    return found;
  });
  const classes = logits?.shape?.[1];
  if (probabilities === undefined || logits === undefined || typeof classes !== "number")
    throw new HeadstartError("INVALID_MODEL", `It is not known how many classes ${graph.name} tells apart.`);
  const builder = GraphBuilder.from(graph);
  builder.clearOutputs();
  const wanted = builder.input("class", "int64", ["N"]);
  const best = builder.node("ArgMax", [logits.name], { axis: 1, keepdims: 0 });
  const isOpen = builder.node("Less", [wanted, builder.integers([0])]);
  const chosen = builder.node("Where", [isOpen, best, wanted]);
  return { builder, graph, classes, chosen, probabilities: probabilities.name, logits: logits.name };
}

/**
 * Adds the score that is explained, float [N, 1]: the logit of the chosen class; of two classes, its logit less the other's, for nothing else
 * counts there (and a network that ends in a sigmoid has one logit only).
 *
 * @returns the name of the score
 */
export function addScore({ builder: b, chosen, classes, logits }: Chosen): string {
  const column = b.node("Unsqueeze", [chosen, b.integers([1])]);
  const score = b.node("GatherElements", [logits, column], { axis: 1 });
  if (classes !== 2) return score;
  const other = b.node("Sub", [b.integers([1]), column]);
  return b.node("Sub", [score, b.node("GatherElements", [logits, other], { axis: 1 })]);
}

/**
 * Declares the outputs that every explanation has: `chosen` int64 [N], `probabilities` and `logits` float [N, C], `score` float [N, 1].
 *
 * @returns the name of the score, as {@link addScore} makes it
 */
export function declareOutputs(one: Chosen): string {
  const { builder: b, chosen, classes, probabilities, logits } = one;
  const score = addScore(one);
  b.output("chosen", "int64", ["N"], chosen);
  b.output("probabilities", "float32", ["N", classes], probabilities);
  b.output("logits", "float32", ["N", classes], logits);
  b.output("score", "float32", ["N", 1], score);
  return score;
}

function withRoom(graph: Graph): Graph {
  return renameValues(graph, new Map(NAMES.map((name) => [name, `network.${name}`])));
}
