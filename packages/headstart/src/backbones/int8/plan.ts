import {
  floatAttribute,
  floats,
  type Graph,
  intAttribute,
  type Node,
  reads,
  stringAttribute,
} from "../../onnx/index.js";

/** A node that will work on uint8. */
export interface Step {
  readonly node: Node;
  /** Positions of the inputs that are activations; the others are constants. */
  readonly activations: readonly number[];
  /** The axis of the weights (input 1) that counts the layer's channels; undefined where it has no weights. */
  readonly weightAxis: 0 | 1 | undefined;
  /** The value it makes, a rectification behind it included. */
  readonly output: string;
  /** Whether that is stored as uint8; a last fully connected layer makes float. */
  readonly stores: boolean;
  /** Whether the output has the scale of the first input, since it holds the same numbers. */
  readonly sameScale: boolean;
}

/** What of a graph will work on uint8. */
export interface Plan {
  readonly steps: ReadonlyMap<Node, Step>;
  /** Rectifications that need no node, since storing as uint8 does the same. */
  readonly absorbed: ReadonlySet<Node>;
  /** The values whose ranges have to be known: those that are stored as uint8, or would be if other nodes were left in float. */
  readonly measured: ReadonlySet<string>;
  /** What layers with a bias read, and where its channels are: the mean of each channel has to be known. */
  readonly averaged: ReadonlyMap<string, "second" | "last">;
}

/** Operators that only move numbers, for which ONNX Runtime has uint8 kernels. */
const MOVES: ReadonlySet<string> = new Set([
  "DepthToSpace",
  "Flatten",
  "Identity",
  "MaxPool",
  "Reshape",
  "Resize",
  "Slice",
  "SpaceToDepth",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/** Operators without weights for which ONNX Runtime has uint8 kernels. */
const LIGHT: ReadonlySet<string> = new Set([
  "Add",
  "AveragePool",
  "Concat",
  "GlobalAveragePool",
  "LeakyRelu",
  "Mul",
  "Sigmoid",
]);

/**
 * Decides which nodes work on uint8: layers with constant weights, and what stands between them where ONNX Runtime has a kernel. A
 * node without weights joins only where what it reads is stored as uint8 anyhow and another such node reads what it makes, so that
 * there are few conversions.
 *
 * @param graph - constants and batch normalisation folded
 * @param float - nodes to leave in float, by the first value they make
 */
export function planInt8(graph: Graph, float: ReadonlySet<string>): Plan {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of new Set(reads(node))) readers.set(name, [...(readers.get(name) ?? []), node]);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const steps = new Map<Node, Step>();
  const absorbed = new Set<Node>();
  const stored = new Set<string>();
  for (const node of graph.nodes) {
    const [made = ""] = node.outputs;
    if (node.domain !== "" || float.has(made) || node.outputs.slice(1).some((name) => name !== "")) continue;
    const step = stepOf(node, graph, stored);
    if (step === undefined) continue;
    const [reader, ...others] = readers.get(made) ?? [];
    const rectified =
      reader !== undefined && others.length === 0 && !outputs.has(made) && isRectification(reader, graph);
    if (rectified && !step.sameScale) absorbed.add(reader);
    const output = rectified && !step.sameScale ? (reader.outputs[0] ?? "") : made;
    steps.set(node, { ...step, output });
    stored.add(output);
  }
  // From the end: what only float nodes read need not be stored as uint8, unless the kernel makes nothing else.
  for (const [node, step] of [...steps].reverse()) {
    const needed = (readers.get(step.output) ?? []).some((reader) => steps.has(reader));
    if (needed || node.op === "Conv") continue;
    const rectification = (readers.get(node.outputs[0] ?? "") ?? []).find((reader) => absorbed.has(reader));
    if (rectification !== undefined) absorbed.delete(rectification);
    if (step.weightAxis === undefined) steps.delete(node);
    else steps.set(node, { ...step, output: node.outputs[0] ?? "", stores: false });
  }
  const measured = new Set<string>();
  const averaged = new Map<string, "second" | "last">();
  const madeBy = new Map(
    [...steps.values()].filter(({ stores }) => stores).map((step) => [step.output, step]),
  );
  for (const { node, activations, output, stores } of steps.values()) {
    if (stores) measured.add(output);
    if (node.op === "Conv") averaged.set(node.inputs[0] ?? "", "second");
    else if (node.op === "Gemm") averaged.set(node.inputs[0] ?? "", "last");
    for (const position of activations) {
      const name = node.inputs[position] ?? "";
      if (!madeBy.has(name)) measured.add(name);
    }
  }
  return { steps, absorbed, measured, averaged };
}

function stepOf(node: Node, graph: Graph, stored: ReadonlySet<string>): Omit<Step, "output"> | undefined {
  const weightAxis = weightAxisOf(node, graph);
  const [first = ""] = node.inputs;
  if (weightAxis !== undefined) {
    if (graph.initializers.has(first)) return undefined;
    return { node, activations: [0], weightAxis, stores: true, sameScale: false };
  }
  const light = { node, weightAxis: undefined, stores: true };
  // Other modes of resizing make numbers in between, for which there is no kernel.
  const moves =
    MOVES.has(node.op) && (node.op !== "Resize" || stringAttribute(node, "mode", "nearest") === "nearest");
  if (moves) return stored.has(first) ? { ...light, activations: [0], sameScale: true } : undefined;
  if (!LIGHT.has(node.op) || !node.inputs.every((name) => stored.has(name))) return undefined;
  return { ...light, activations: [...node.inputs.keys()], sameScale: false };
}

/** The axis of a layer's weights that counts its channels, if the layer can work on uint8. */
function weightAxisOf(node: Node, { initializers }: Graph): 0 | 1 | undefined {
  const [, weightName = "", biasName = ""] = node.inputs;
  const weight = initializers.get(weightName);
  if (weight?.type !== "float32") return undefined;
  const bias = initializers.get(biasName);
  if (biasName !== "" && bias?.type !== "float32") return undefined;
  if (node.op === "Conv") return 0;
  if (weight.dims.length !== 2) return undefined;
  if (node.op === "MatMul") return 1;
  const plain = floatAttribute(node, "alpha", 1) === 1 && floatAttribute(node, "beta", 1) === 1;
  if (node.op !== "Gemm" || !plain || intAttribute(node, "transA", 0) !== 0) return undefined;
  const axis = intAttribute(node, "transB", 0) === 1 ? 0 : 1;
  if (bias !== undefined && (bias.dims.length !== 1 || bias.dims[0] !== weight.dims[axis])) return undefined;
  return axis;
}

/** Whether a node does what storing as uint8 does too, if the range begins at 0 and ends where the node's own does. */
function isRectification(node: Node, { initializers }: Graph): boolean {
  if (node.domain !== "") return false;
  if (node.op === "Relu") return true;
  if (node.op !== "Clip") return false;
  const [, low, high = ""] = node.inputs.map((name) => {
    const tensor = initializers.get(name);
    return tensor?.type === "float32" ? floats(tensor)[0] : undefined;
  });
  return (
    low === 0 &&
    (node.inputs[2] === undefined || node.inputs[2] === "" || (typeof high === "number" && high > 0))
  );
}
