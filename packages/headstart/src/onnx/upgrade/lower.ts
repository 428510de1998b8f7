import { subgraphNodes } from "../captures.js";
import { type Attribute, floatAttribute, type Graph, intAttribute, type Node } from "../graph.js";
import { scalarOf } from "../scalars.js";
import { CHANGES, refused } from "./changes.js";
import { Emitter, withoutAttributes } from "./emitter.js";
import { UNCHANGED } from "./unchanged.js";

/** The newest version of which it is known what changed since 20. */
const NEWEST = 25;

/** Attributes that operators got since version 20, with the value that means what version 20 does. */
const ADDED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Cast: { round_mode: 0 },
  CastLike: { round_mode: 0 },
  DequantizeLinear: { block_size: 0, output_dtype: 0 },
  QuantizeLinear: { block_size: 0, output_dtype: 0, precision: 0 },
};

/**
 * Writes a graph of a later version than 20 in version 20 of ONNX's operators. Most later versions only allow more element types.
 *
 * @param graph - a graph in version 21 or newer
 * @param version - 20
 * @throws HeadstartError `UNSUPPORTED` naming the node, if it means something that version 20 cannot say
 */
export function lower(graph: Graph, version: number): Graph {
  const opset = graph.opsets.get("") ?? 1;
  const emit = new Emitter(graph);
  for (const node of graph.nodes) {
    if (node.domain !== "") emit.nodes.push(node);
    else if (node.op === "Swish") swish(node, emit);
    else emit.nodes.push(lowered(node, opset, version));
  }
  return {
    ...graph,
    nodes: emit.nodes,
    initializers: emit.initializers,
    opsets: new Map(graph.opsets).set("", version),
  };
}

function lowered(node: Node, opset: number, version: number): Node {
  for (const inner of subgraphNodes(node))
    if (inner.domain === "" && (!isKnown(inner.opType) || Object.hasOwn(ADDED, inner.opType)))
      throw refused(node, `${inner.opType} in its subgraph changed since version ${version}`);
  if (!isKnown(node.op)) throw refused(node, `version ${version} of ONNX has no such operator`);
  if (opset > NEWEST) throw refused(node, `version ${opset} of ONNX is not known yet`);
  if (node.op === "GroupNormalization")
    throw refused(node, "it has a scale for each channel since version 21");
  const added = Object.hasOwn(ADDED, node.op) ? (ADDED[node.op] ?? {}) : {};
  const present = Object.keys(added).filter((name) => node.attributes.has(name));
  for (const name of present)
    if (intAttribute(node, name, 0) !== added[name] && node.attributes.get(name)?.kind === "int")
      throw refused(node, `version ${version} does not know its ${name}`);
  return present.length === 0 ? node : { ...node, attributes: withoutAttributes(node, ...present) };
}

/** `x * Sigmoid(alpha * x)`. */
function swish(node: Node, emit: Emitter): void {
  const [x = ""] = node.inputs;
  const alpha = floatAttribute(node, "alpha", 1);
  const none = new Map<string, Attribute>();
  const plain = (op: string, inputs: readonly string[], outputs: readonly string[]): string => {
    emit.nodes.push({
      op,
      domain: "",
      name: emit.name(`${node.name}.${op}`),
      inputs,
      outputs,
      attributes: none,
    });
    return outputs[0] ?? "";
  };
  const factor = (): string =>
    emit.constant(`${node.name}.alpha`, scalarOf(emit.type(x) ?? "float32", alpha));
  const scaled = alpha === 1 ? x : plain("Mul", [x, factor()], [emit.name(`${node.name}.scaled`)]);
  const gate = plain("Sigmoid", [scaled], [emit.name(`${node.name}.gate`)]);
  plain("Mul", [x, gate], node.outputs);
}

function isKnown(op: string): boolean {
  return UNCHANGED.has(op) || CHANGES.has(op);
}
