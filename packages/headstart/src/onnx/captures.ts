import { clone } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  TensorProto_DataLocation,
} from "onnx-buf";
import type { Attribute, Node } from "./graph.js";

/**
 * Every value that a node reads: its inputs, and what the subgraphs of an `If`, `Loop` or `Scan` capture from the graph around them.
 * Absent optional inputs are left out; a value read twice is listed twice.
 */
export function reads(node: Node): string[] {
  const names = node.inputs.filter((name) => name !== "");
  for (const graph of subgraphs(node)) for (const name of captured(graph)) names.push(name);
  return names;
}

/** Whether a subgraph keeps constants in other files. */
export function hasExternalData(attribute: AttributeProto): boolean {
  const graphs = graphsOf(attribute);
  for (const graph of graphs) {
    if (graph.initializer.some(({ dataLocation }) => dataLocation === TensorProto_DataLocation.EXTERNAL))
      return true;
    for (const { attribute: inner } of graph.node)
      for (const one of inner) {
        if (one.t?.dataLocation === TensorProto_DataLocation.EXTERNAL) return true;
        for (const deeper of graphsOf(one)) graphs.push(deeper);
      }
  }
  return false;
}

/** The nodes in a node's subgraphs, and in theirs. */
export function subgraphNodes(node: Node): NodeProto[] {
  const nodes: NodeProto[] = [];
  const graphs = subgraphs(node);
  for (const graph of graphs)
    for (const inner of graph.node) {
      nodes.push(inner);
      for (const attribute of inner.attribute) for (const deeper of graphsOf(attribute)) graphs.push(deeper);
    }
  return nodes;
}

/** Names that a subgraph reads but does not make itself. */
function captured(graph: GraphProto): Set<string> {
  const free = new Set<string>();
  visit(graph, undefined, (name) => {
    free.add(name);
    return name;
  });
  return free;
}

/** The same node with other names for what it reads and makes, also inside its subgraphs. */
export function renameNode(node: Node, rename: (name: string) => string): Node {
  const attributes = new Map<string, Attribute>();
  for (const [key, attribute] of node.attributes) attributes.set(key, renameCaptured(attribute, rename));
  return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename), attributes };
}

function renameCaptured(attribute: Attribute, rename: (name: string) => string): Attribute {
  if (attribute.kind !== "other" || graphsOf(attribute.value).length === 0) return attribute;
  const copy = clone(AttributeProtoSchema, attribute.value);
  for (const graph of graphsOf(copy)) visit(graph, undefined, rename);
  return { kind: "other", value: copy };
}

function subgraphs(node: Node): GraphProto[] {
  return [...node.attributes.values()].flatMap((attribute) =>
    attribute.kind === "other" ? graphsOf(attribute.value) : [],
  );
}

function graphsOf(attribute: AttributeProto): GraphProto[] {
  return attribute.g === undefined ? attribute.graphs : [attribute.g, ...attribute.graphs];
}

/** The names that a subgraph makes, within those of the subgraphs around it. */
interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

/** Puts what `each` returns in place of every name that a subgraph reads from outside. */
function visit(graph: GraphProto, outer: Scope | undefined, each: (name: string) => string): void {
  const scope: Scope = { names: madeIn(graph), outer };
  const replace = (name: string): string => {
    if (name === "") return name;
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer)
      if (at.names.has(name)) return name;
    return each(name);
  };
  for (const node of graph.node) {
    for (const [i, name] of node.input.entries()) {
      const replaced = replace(name);
      if (replaced !== name) node.input[i] = replaced;
    }
    for (const attribute of node.attribute)
      for (const inner of graphsOf(attribute)) visit(inner, scope, each);
  }
  for (const output of graph.output) {
    const replaced = replace(output.name);
    if (replaced !== output.name) output.name = replaced;
  }
}

function madeIn(graph: GraphProto): Set<string> {
  const names = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  for (const { values } of graph.sparseInitializer) if (values !== undefined) names.add(values.name);
  for (const { output } of graph.node) for (const name of output) names.add(name);
  return names;
}
