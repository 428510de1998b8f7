import { HeadstartError } from "../../errors.js";
import {
  elementCount,
  float,
  float32,
  floats,
  foldBatchNormalization,
  foldConstants,
  type Graph,
  GraphBuilder,
  inferShapes,
  intAttribute,
  type Node,
  type Tensor,
} from "../../onnx/index.js";

/**
 * Brings a float graph into the form that {@link quantise} works on: constants folded, factors and offsets of channels (batch
 * normalisation among them) put into the layers before them, and those that have no layer before them made layers of their own.
 *
 * @throws HeadstartError `UNSUPPORTED` for a graph that is quantised already
 */
export function prepareInt8(graph: Graph): Graph {
  if (graph.nodes.some(({ op }) => op === "QuantizeLinear" || op === "DequantizeLinear"))
    throw new HeadstartError("UNSUPPORTED", `The network ${graph.name} is quantised already.`);
  let folded = asNormalisations(inferShapes(foldConstants(graph)));
  for (;;) {
    const next = foldBatchNormalization(folded);
    if (next === folded) break;
    folded = next;
  }
  return inferShapes(asConvolutions(inferShapes(folded)));
}

/** Operators of a value and a constant that are a factor, an offset or both. */
const AFFINE: Readonly<Record<string, (constant: number) => readonly [factor: number, offset: number]>> = {
  Add: (constant) => [1, constant],
  Sub: (constant) => [1, -constant],
  Mul: (constant) => [constant, 0],
  Div: (constant) => [1 / constant, 0],
};

/** Writes a factor or offset for each channel as a batch normalisation, and a mean over the picture as a pool. */
function asNormalisations(graph: Graph): Graph {
  return rewrite(graph, (node, b) => {
    if (node.op === "ReduceMean") return asPool(node, graph);
    const affine = AFFINE[node.op];
    const [first = "", second = ""] = node.inputs;
    const [value, constant] =
      graph.initializers.has(first) && node.op !== "Sub" && node.op !== "Div"
        ? [second, first]
        : [first, second];
    const channels = channelsOf(graph, value);
    const tensor = graph.initializers.get(constant);
    if (affine === undefined || channels === undefined || tensor === undefined) return undefined;
    const numbers = channelNumbers(tensor, channels);
    if (numbers === undefined) return undefined;
    const pairs = Array.from(numbers, affine);
    const vector = (name: string, values: readonly number[]): string =>
      b.constant(`${node.outputs[0]}.${name}`, float32([channels], values));
    return {
      ...node,
      op: "BatchNormalization",
      inputs: [
        value,
        vector(
          "factor",
          pairs.map(([factor]) => factor),
        ),
        vector(
          "offset",
          pairs.map(([, offset]) => offset),
        ),
        vector("mean", Array(channels).fill(0)),
        vector("variance", Array(channels).fill(1)),
      ],
      attributes: new Map([["epsilon", float(0)]]),
    };
  });
}

function asPool(node: Node, graph: Graph): Node | undefined {
  const [x = "", axesName = ""] = node.inputs;
  const axes = graph.initializers.get(axesName);
  if (intAttribute(node, "keepdims", 1) !== 1 || channelsOf(graph, x) === undefined || axes?.type !== "int64")
    return undefined;
  const found = [...new BigInt64Array(axes.data.slice().buffer)].map((axis) => (Number(axis) + 4) % 4);
  if (found.sort().join() !== "2,3") return undefined;
  return { ...node, op: "GlobalAveragePool", inputs: [x], attributes: new Map() };
}

/** Writes a batch normalisation that no layer took in as a convolution of each channel by itself. */
function asConvolutions(graph: Graph): Graph {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return rewrite(graph, (node, b) => {
    const [x = "", ...parameters] = node.inputs;
    const channels = channelsOf(graph, x);
    if (node.op !== "BatchNormalization" || channels === undefined || inputs.has(x)) return undefined;
    // The normalisation goes into a convolution that does nothing.
    const identity = new GraphBuilder("identity");
    const input = identity.input("x", "float32", ["N", channels, "H", "W"]);
    const weight = identity.constant("weight", float32([channels, 1, 1, 1], Array(channels).fill(1)));
    const made = identity.node("Conv", [input, weight], { group: channels });
    const constants = parameters.map((name) => graph.initializers.get(name));
    if (!constants.every((constant) => constant !== undefined)) return undefined;
    const norm = constants.map((constant) => identity.constant("parameter", constant));
    const whole = identity.node("BatchNormalization", [made, ...norm], Object.fromEntries(node.attributes));
    identity.output("y", "float32", ["N", channels, "H", "W"], whole);
    const folded = foldBatchNormalization(identity.build());
    const conv = folded.nodes.find(({ op }) => op === "Conv");
    if (conv === undefined || folded.nodes.some(({ op }) => op === "BatchNormalization")) return undefined;
    const [, ...own] = conv.inputs.map((name) => folded.initializers.get(name));
    const names = own.map((tensor, i) =>
      b.constant(`${node.outputs[0]}.${i === 0 ? "weight" : "bias"}`, tensor ?? float32([0], [])),
    );
    return { ...node, op: "Conv", inputs: [x, ...names], attributes: conv.attributes };
  });
}

/** Puts other nodes in the place of some; `undefined` leaves a node as it is. */
function rewrite(graph: Graph, change: (node: Node, b: GraphBuilder) => Node | undefined): Graph {
  const b = GraphBuilder.from(graph);
  const nodes = graph.nodes.map((node) => (node.domain === "" && change(node, b)) || node);
  return { ...graph, nodes, initializers: b.build().initializers };
}

/** The number of channels of a value [N, C, H, W]. */
function channelsOf(graph: Graph, value: string): number | undefined {
  const shape = graph.values.get(value)?.shape;
  return shape?.length === 4 && typeof shape[1] === "number" ? shape[1] : undefined;
}

/** One number for each channel, of a constant that [N, C, H, W] broadcasts with along C alone. */
function channelNumbers(tensor: Tensor, channels: number): Float32Array | undefined {
  const dims = [...Array(Math.max(0, 4 - tensor.dims.length)).fill(1), ...tensor.dims];
  if (tensor.type !== "float32" || channels === 1 || elementCount(dims) !== channels) return undefined;
  return dims.length === 4 && dims[1] === channels ? floats(tensor) : undefined;
}
