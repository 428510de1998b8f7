import { constantIntegers, constantTensors, constantValues } from "./constant-values.js";
import { type Graph, intAttribute, type Node } from "./graph.js";
import { isNamedScores, KEEPS_SCORES } from "./score-outputs.js";

/** The last fully connected layer of a classifier. */
export interface LastLayer {
  /** What it reads. */
  readonly features: string;
  /** What it makes, its bias added. */
  readonly logits: string;
  readonly node: Node;
  /** What kind of layer it is. */
  readonly what: string;
  /** Sentences about the features. */
  readonly notes: readonly string[];
}

/** Operators behind the last layer that keep or merely rescale its scores: the walk from the output goes through their first input. */
const BEHIND = new Set([
  ...KEEPS_SCORES,
  "LogSoftmax",
  "Relu",
  "Sigmoid",
  "Softmax",
  "Transpose",
  "Unsqueeze",
]);

/** Those that stand behind scores only, never behind features. */
const DECIDING = new Set(["ArgMax", "Hardmax", "LogSoftmax", "Sigmoid", "Softmax", "TopK"]);

/** Arithmetic with a constant behind the last layer, such as a temperature. */
const SCALING = new Set(["Div", "Mul", "Sub"]);

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
  "DequantizeLinear",
  "Dropout",
  "Elu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "QuantizeLinear",
  "Relu",
  "Sigmoid",
  "Tanh",
]);

/** Numbers of classes that classifiers of ImageNet have. */
const IMAGENET = new Set([1000, 1001, 21841, 21843]);

/** Looks for the last fully connected layer before each of a graph's outputs. */
export class LastLayers {
  readonly #makers = new Map<string, Node>();
  readonly #constants: Set<string>;
  readonly #tensors: ReturnType<typeof constantTensors>;
  readonly #shapes: Graph["values"];
  readonly #looked: string[] = [];

  /** @param graph - a graph whose `values` are known, as `inferShapes` gives it */
  constructor(graph: Graph) {
    this.#shapes = graph.values;
    this.#constants = constantValues(graph);
    this.#tensors = constantTensors(graph);
    for (const node of graph.nodes) for (const output of node.outputs) this.#makers.set(output, node);
  }

  /** Goes from an output towards the inputs until the last fully connected layer. */
  before(output: string): LastLayer | undefined {
    let value = output;
    // The value behind the layer and its bias, if the walk stands between them.
    let logits: string | undefined;
    let pooled = false;
    let rectified = false;
    let decided = isNamedScores(output);
    const notes: string[] = [];
    for (;;) {
      const node = this.#makers.get(value);
      if (node === undefined) return undefined;
      this.#looked.push(`${node.op} ${node.name}`);
      if (node.domain !== "" && !isQuantisation(node)) return undefined;
      const [first = "", second = ""] = node.inputs;
      const kind = this.#kindOf(node, pooled);
      if (kind !== undefined) {
        // A ReLU at the end is found behind features rather than behind scores.
        if (rectified && !decided && !IMAGENET.has(Number(this.#width(node)))) return undefined;
        return this.#found(first, logits ?? value, node, kind, notes);
      }
      const isFirst = this.#constants.has(second);
      const isBiased = isFirst || this.#constants.has(first);
      if (node.op === "Add" && isBiased) {
        logits = value;
        value = isFirst ? first : second;
        continue;
      }
      logits = undefined;
      if (node.op === "Add" && this.#isHead(first) && this.#isHead(second)) {
        notes.push("Two heads are averaged; these are the features of the first.");
        value = first;
      } else if (SCALING.has(node.op) && (isFirst || (node.op === "Mul" && isBiased))) {
        value = isFirst ? first : second;
      } else if (BEHIND.has(node.op) || POOLS.has(node.op) || this.#isSoftmaxPart(node)) {
        decided ||= DECIDING.has(node.op);
        pooled ||= POOLS.has(node.op);
        rectified ||= node.op === "Relu";
        value = first;
      } else return undefined;
    }
  }

  /** The nodes that were looked at, in a sentence. */
  seen(): string {
    if (this.#looked.length === 0) return "It has no nodes.";
    const shown = this.#looked.slice(0, 10).join(", ");
    return `From its outputs these nodes were looked at: ${shown}${this.#looked.length > 10 ? " and more" : ""}.`;
  }

  /** What kind of last layer a node is, or undefined if it is none. */
  #kindOf(node: Node, pooled: boolean): string | undefined {
    const [first = "", weights = ""] = node.inputs;
    if (!this.#constants.has(weights) || this.#constants.has(first)) return undefined;
    if (node.op === "Gemm")
      return intAttribute(node, "transA", 0) === 0 ? "the last fully connected layer" : undefined;
    if (node.op === "MatMul")
      return pooled
        ? "the last fully connected layer, which is applied to each place before pooling"
        : "the last fully connected layer";
    if (node.op !== "Conv" || !this.#isPointwise(node)) return undefined;
    if (pooled) return "a 1x1 convolution that acts as the last fully connected layer before pooling";
    return this.#isPooled(first)
      ? "a 1x1 convolution that acts as the last fully connected layer after pooling"
      : undefined;
  }

  #found(read: string, logits: string, node: Node, what: string, notes: readonly string[]): LastLayer {
    const features = this.#beforeQuantisation(read);
    const made = this.describe(features);
    return {
      features,
      logits,
      node,
      what,
      notes: [
        ...(made === undefined ? [] : [made]),
        ...notes,
        ...(features === read ? [] : ["They are taken before they are quantised."]),
      ],
    };
  }

  /** The value in floating point that a quantised one comes from. */
  #beforeQuantisation(value: string): string {
    const dequantize = this.#makers.get(value);
    if (dequantize?.op !== "DequantizeLinear") return value;
    const quantize = this.#makers.get(dequantize.inputs[0] ?? "");
    return quantize?.op === "QuantizeLinear" ? (quantize.inputs[0] ?? value) : value;
  }

  /** Number of scores that a layer makes, where it is known. */
  #width(node: Node): number | string | undefined {
    const shape = this.#shapes.get(node.outputs[0] ?? "")?.shape;
    return node.op === "Conv" ? shape?.[1] : shape?.at(-1);
  }

  /** Whether a value is what a fully connected layer makes, perhaps with a bias. */
  #isHead(value: string): boolean {
    const node = this.#makers.get(value);
    if (node === undefined || node.domain !== "") return false;
    const [first = "", second = ""] = node.inputs;
    if (node.op === "Add" && this.#constants.has(second)) return this.#isHead(first);
    if (node.op === "Add" && this.#constants.has(first)) return this.#isHead(second);
    return node.op !== "Conv" && this.#kindOf(node, false) !== undefined;
  }

  /** Whether a node takes a maximum, or divides by a sum, of its own first input over an axis: a softmax in parts. */
  #isSoftmaxPart(node: Node): boolean {
    if (node.op !== "Sub" && node.op !== "Div") return false;
    const [first = "", second = ""] = node.inputs;
    const reduce = this.#makers.get(second);
    return (reduce?.op === "ReduceMax" || reduce?.op === "ReduceSum") && reduce.inputs[0] === first;
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

  /** A sentence on what features are, where that can be told from the nodes that make them. */
  describe(features: string): string | undefined {
    for (let name = features; ; ) {
      const node = this.#makers.get(name);
      if (node === undefined || (node.domain !== "" && !isQuantisation(node))) return undefined;
      const [first = ""] = node.inputs;
      const rank = this.#shapes.get(first)?.shape?.length;
      if (node.op === "GlobalAveragePool" || (node.op === "ReduceMean" && rank === 4))
        return "They are the average over all places of the last feature maps.";
      if (node.op === "ReduceMean" && rank === 3) return "They are the average over all tokens.";
      if (node.op === "GlobalMaxPool")
        return "They are the maximum over all places of the last feature maps.";
      const isOne = node.op === "Gather" || (node.op === "Slice" && this.#shapes.get(name)?.shape?.[1] === 1);
      if (isOne && rank === 3) {
        const [token = 1, ...more] = constantIntegers(this.#tensors.get(node.inputs[1] ?? "")) ?? [];
        return token === 0 && more.length === 0 ? "They are the first token, the class token." : undefined;
      }
      if (!TRANSPARENT.has(node.op)) return undefined;
      name = first;
    }
  }
}

/** Operators that leave features what they are, as far as {@link LastLayers} describes them. */
const TRANSPARENT = new Set([
  "BatchNormalization",
  "Cast",
  "DequantizeLinear",
  "Dropout",
  "Flatten",
  "Gather",
  "Identity",
  "LayerNormalization",
  "QuantizeLinear",
  "Reshape",
  "Squeeze",
  "Transpose",
]);

function isQuantisation({ op, domain }: Node): boolean {
  return domain === "com.microsoft" && (op === "DequantizeLinear" || op === "QuantizeLinear");
}
