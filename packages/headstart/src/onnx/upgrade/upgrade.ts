import { HeadstartError } from "../../errors.js";
import { OPSET } from "../builder.js";
import { subgraphNodes } from "../captures.js";
import type { Graph, Node } from "../graph.js";
import { CHANGES, refused } from "./changes.js";
import { Emitter } from "./emitter.js";
import { lower } from "./lower.js";
import { UNCHANGED } from "./unchanged.js";

/** The oldest version whose operators broadcast as today's do. */
const OLDEST = 7;

/**
 * Writes a graph in another version of ONNX's operators, so that it can be joined with others. Results stay the same. Operators of other
 * sets stay as they are.
 *
 * @param graph - a graph in version 7 or newer
 * @param version - the version to reach; {@link OPSET} is the only one that a graph of another version can be brought to
 * @throws HeadstartError `UNSUPPORTED` for versions before 7, and naming the node if an operator changed in a way that cannot be followed
 */
export function upgrade(graph: Graph, version: number = OPSET): Graph {
  const opset = graph.opsets.get("") ?? 1;
  if (opset === version) return graph;
  if (opset < OLDEST)
    throw new HeadstartError(
      "UNSUPPORTED",
      `The graph ${graph.name} is written in version ${opset} of ONNX's operators; versions before ${OLDEST} are not read.`,
      "Export the model anew with a newer opset.",
    );
  if (version !== OPSET)
    throw new HeadstartError(
      "UNSUPPORTED",
      `The graph ${graph.name} can be brought to version ${OPSET} of ONNX's operators, not to ${version}.`,
    );
  if (opset > version) return lower(graph, version);
  const emit = new Emitter(graph);
  for (const node of graph.nodes) {
    const change = node.domain === "" ? changeOf(node, opset, version) : undefined;
    if (change === undefined) emit.nodes.push(node);
    else change.convert(node, emit, opset);
  }
  return {
    ...graph,
    nodes: emit.nodes,
    initializers: emit.initializers,
    opsets: new Map(graph.opsets).set("", version),
  };
}

function changeOf(node: Node, opset: number, version: number) {
  for (const inner of subgraphNodes(node))
    if (inner.domain === "" && (!isKnown(inner.opType) || applies(inner.opType, opset) !== undefined))
      throw refused(node, `${inner.opType} in its subgraph changed since version ${opset}`);
  if (!isKnown(node.op)) throw refused(node, `version ${version} of ONNX has no such operator`);
  return applies(node.op, opset);
}

function isKnown(op: string): boolean {
  return UNCHANGED.has(op) || CHANGES.has(op);
}

function applies(op: string, opset: number) {
  return CHANGES.get(op)?.find(({ below }) => opset < below);
}
