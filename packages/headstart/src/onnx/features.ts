import { HeadstartError } from "../errors.js";
import { type Graph, intAttribute, type Node } from "./graph.js";
import { inferShapes } from "./shapes/infer.js";

/** Where a classifier's features are. */
export interface Features {
  /** The value that feeds the last fully connected layer; {@link cut} makes features `[N, D]` of it. */
  readonly features: string;
  /** The value that the last fully connected layer makes, its bias added. */
  readonly logits: string;
  /** A sentence that says how they were found. */
  readonly reason: string;
}

/** Operators behind the last layer that keep or merely rescale its scores: the walk from the output goes through their first input. */
const BEHIND = new Set([
  "Cast",
  "Dropout",
  "Flatten",
  "Identity",
  "LogSoftmax",
  "Relu",
  "Reshape",
  "Sigmoid",
  "Softmax",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/** Outputs that are looked at. */
const MOST_OUTPUTS = 16;

/** Operators that bring a picture down to one number a channel. */
const POOLS = new Set([
  "AveragePool",
  "GlobalAveragePool",
  "GlobalMaxPool",
  "MaxPool",
  "ReduceMean",
  "ReduceMax",
]);

/** Operators that may stand between a global pool and a layer of 1x1 convolution, and leave the size 1x1 as it is. */
const POINTWISE = new Set([
  "BatchNormalization",
  "Clip",
  "Conv",
  "Dropout",
  "Elu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "Relu",
  "Sigmoid",
  "Tanh",
]);

/**
 * Finds the features of a classifier: what feeds its last fully connected layer. That layer is a `Gemm` or `MatMul` with constant weights, or a
 * 1x1 convolution before or after global pooling. What stands behind it (softmax, reshaping, dropout) is walked through.
 *
 * @throws HeadstartError `INVALID_MODEL` naming the nodes that were looked at, if there is no such layer
 */
export function findFeatures(graph: Graph): Features {
  const walk = new Walk(graph);
  for (const { name } of graph.outputs.slice(0, MOST_OUTPUTS)) {
    const found = walk.from(name);
    if (found !== undefined) return found;
  }
  throw new HeadstartError(
    "INVALID_MODEL",
    `The graph ${graph.name} has no last fully connected layer, so its features cannot be found. ${walk.seen()}`,
    "Use an image classifier that ends in a fully connected layer.",
  );
}

class Walk {
  readonly #makers = new Map<string, Node>();
  readonly #constants: Set<string>;
  readonly #shapes: Graph["values"];
  readonly #looked: string[] = [];

  constructor(graph: Graph) {
    this.#shapes = inferShapes(graph).values;
    this.#constants = new Set(graph.initializers.keys());
    for (const node of graph.nodes) {
      const constant =
        node.inputs.every((name) => name === "" || this.#constants.has(name)) && node.inputs.length > 0;
      for (const output of node.outputs) {
        this.#makers.set(output, node);
        if (constant) this.#constants.add(output);
      }
    }
  }

  /** Goes from an output towards the inputs until the last fully connected layer. */
  from(output: string): Features | undefined {
    let value = output;
    // The value behind the layer and its bias, if the walk stands between them.
    let logits: string | undefined;
    let pooled = false;
    for (;;) {
      const node = this.#makers.get(value);
      if (node === undefined) return undefined;
      this.#looked.push(`${node.op} ${node.name}`);
      const [first = "", second = ""] = node.inputs;
      const scores = logits ?? value;
      if (node.domain !== "") return undefined;
      if (node.op === "Gemm" && this.#constants.has(second) && intAttribute(node, "transA", 0) === 0)
        return this.#found(first, scores, node, "the last fully connected layer");
      if (node.op === "MatMul" && this.#constants.has(second))
        return this.#found(first, scores, node, "the last fully connected layer");
      if (node.op === "Conv" && this.#isPointwise(node)) {
        if (pooled)
          return this.#found(
            first,
            scores,
            node,
            "a 1x1 convolution that acts as the last fully connected layer before pooling",
          );
        if (this.#isPooled(first))
          return this.#found(
            first,
            scores,
            node,
            "a 1x1 convolution that acts as the last fully connected layer after pooling",
          );
        return undefined;
      }
      if (node.op === "Add" && (this.#constants.has(first) || this.#constants.has(second))) {
        logits = value;
        value = this.#constants.has(second) ? first : second;
      } else if (BEHIND.has(node.op) || POOLS.has(node.op)) {
        logits = undefined;
        pooled ||= POOLS.has(node.op);
        value = first;
      } else return undefined;
    }
  }

  seen(): string {
    if (this.#looked.length === 0) return "It has no nodes.";
    const shown = this.#looked.slice(0, 10).join(", ");
    return `From its outputs these nodes were looked at: ${shown}${this.#looked.length > 10 ? " and more" : ""}.`;
  }

  #found(features: string, logits: string, node: Node, what: string): Features {
    return { features, logits, reason: `${features} feeds ${node.name} (${node.op}), ${what}.` };
  }

  /** Whether a convolution is one matrix product at each place: constant weights of 1x1, one group, stride 1. */
  #isPointwise(node: Node): boolean {
    const weight = node.inputs[1] ?? "";
    const kernel = this.#shapes.get(weight)?.shape?.slice(2);
    const isSmall = kernel?.every((dim) => dim === 1) ?? false;
    return isSmall && this.#constants.has(weight) && intAttribute(node, "group", 1) === 1;
  }

  /** Whether a value holds one number a channel. */
  #isPooled(value: string): boolean {
    for (let name = value; ; ) {
      const spatial = this.#shapes.get(name)?.shape?.slice(2);
      if (spatial !== undefined && spatial.length > 0 && spatial.every((dim) => dim === 1)) return true;
      const node = this.#makers.get(name);
      if (node === undefined) return false;
      if (!POINTWISE.has(node.op) || (node.op === "Conv" && !this.#isPointwise(node))) return false;
      name = node.inputs[0] ?? "";
    }
  }
}
