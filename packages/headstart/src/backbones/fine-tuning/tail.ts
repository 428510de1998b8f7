import {
  type Attribute,
  elementCount,
  type Graph,
  int64,
  intAttribute,
  type Node,
  prune,
  reads,
  renameValues,
  type Tensor,
  type ValueInfo,
} from "../../onnx/index.js";
import { Names } from "../../onnx/names.js";
import { namesOf } from "./names.js";
import { looksAtShape, sizeOf } from "./stages.js";

/**
 * The part of a network behind a boundary, as a graph with the output `features`. Its first input, `activations`, holds what the network makes at the
 * boundary, flattened [N, D], or the photos [N, 3, S, S] where the boundary is their value. Each weight that trains is an input of its own.
 *
 * @param network - a backbone in standard form at an image size, with all shapes in `values`, that calls nothing `activations`
 * @param boundary - a batch of known size that every path from the photo to the features goes through
 * @param parameters - the initializers that become inputs, in this order
 */
export function tailOf(network: Graph, boundary: string, parameters: readonly string[]): Graph {
  const names = new Names([...namesOf(network), "activations"]);
  const size = sizeOf(network, boundary) ?? [];
  const isGivenAsItIs = size.length === 1 || boundary === network.inputs[0]?.name;
  const { nodes, constants } = behind(network, boundary, names);
  const initializers = new Map([...network.initializers, ...constants]);
  if (!isGivenAsItIs) {
    const shape = names.unique("activations.shape");
    initializers.set(shape, int64([size.length + 1], [-1, ...size]));
    nodes.unshift(newNode("Reshape", ["activations", shape], boundary));
  }
  const weights = parameters.map((name): ValueInfo => {
    const { type, dims } = initializers.get(name) ?? {};
    initializers.delete(name);
    return { name, type, shape: dims };
  });
  const { source: _, ...rest } = network;
  const part: Graph = {
    ...rest,
    inputs: [],
    outputs: network.outputs.map(({ name, type }) => ({
      name,
      type,
      shape: ["N", ...(sizeOf(network, name) ?? [])],
    })),
    nodes,
    initializers,
    metadata: new Map(),
  };
  const activations: ValueInfo = {
    name: "activations",
    type: "float32",
    shape: ["N", ...(isGivenAsItIs ? size : [elementCount(size)])],
  };
  const joined = isGivenAsItIs ? renameValues(part, new Map([[boundary, "activations"]])) : part;
  return prune({ ...joined, inputs: [activations, ...weights] }, undefined, { keepInputs: true });
}

/**
 * The nodes that make the features of the boundary, and the constants that they need besides the network's. Where they look at the shape of what
 * stands before the boundary, they look at the number of activations instead.
 */
function behind(
  graph: Graph,
  boundary: string,
  names: Names,
): { readonly nodes: Node[]; readonly constants: Map<string, Tensor> } {
  const before = beforeOf(graph, boundary);
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
  for (const one of graph.nodes.toReversed()) {
    const [output = ""] = one.outputs;
    const [x = ""] = one.inputs;
    if (output === boundary || !one.outputs.some((name) => needed.has(name))) continue;
    if (looksAtShape(one, graph) && before.has(x)) {
      const made = shapeOfBatch(one, sizeOf(graph, x) ?? [], names);
      for (const [name, tensor] of made.constants) constants.set(name, tensor);
      nodes.push(...made.nodes.toReversed());
      continue;
    }
    for (const name of reads(one)) needed.add(name);
    nodes.push(one);
  }
  return { nodes: nodes.reverse(), constants };
}

/** The values that depend on the photo and not on the boundary; sizes do not depend on the photo. */
function beforeOf(graph: Graph, boundary: string): Set<string> {
  const before = new Set(graph.inputs.map(({ name }) => name).filter((name) => name !== boundary));
  for (const one of graph.nodes)
    if (!looksAtShape(one, graph) && reads(one).some((name) => before.has(name)))
      for (const name of one.outputs) if (name !== "" && name !== boundary) before.add(name);
  return before;
}

/** What a `Shape` node makes of a value [N, ...], as its attributes choose, from the number of activations. */
function shapeOfBatch(
  shape: Node,
  size: readonly number[],
  names: Names,
): { readonly nodes: readonly Node[]; readonly constants: ReadonlyMap<string, Tensor> } {
  const [output = ""] = shape.outputs;
  const rank = size.length + 1;
  const place = (name: string, fallback: number) => {
    const at = intAttribute(shape, name, fallback);
    return Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  };
  const [start, end] = [place("start", 0), place("end", rank)];
  const rest = size.slice(Math.max(start - 1, 0), Math.max(end - 1, 0));
  // What is known whole is a constant already, so that the number is in it.
  const first: [string, Attribute][] = [
    ["start", { kind: "int", value: 0 }],
    ["end", { kind: "int", value: 1 }],
  ];
  if (rest.length === 0)
    return { nodes: [newNode("Shape", ["activations"], output, first)], constants: new Map() };
  const [count, others] = [names.unique(`${output}.count`), names.unique(`${output}.size`)];
  return {
    nodes: [
      newNode("Shape", ["activations"], count, first),
      newNode("Concat", [count, others], output, [["axis", { kind: "int", value: 0 }]]),
    ],
    constants: new Map([[others, int64([rest.length], rest)]]),
  };
}

function newNode(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly (readonly [string, Attribute])[] = [],
): Node {
  return { op, domain: "", name: output, inputs, outputs: [output], attributes: new Map(attributes) };
}
