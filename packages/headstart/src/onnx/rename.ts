import { renameNode } from "./captures.js";
import type { Graph, ValueInfo } from "./graph.js";

/**
 * The same graph with other names for some values.
 *
 * @param graph - the graph
 * @param names - new names by old ones; they must not be taken
 */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const rename = (name: string): string => names.get(name) ?? name;
  const renamed = (value: ValueInfo): ValueInfo => ({ ...value, name: rename(value.name) });
  const keys = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...map].map(([name, value]) => [rename(name), value]));
  return {
    ...graph,
    inputs: graph.inputs.map(renamed),
    outputs: graph.outputs.map(renamed),
    nodes: graph.nodes.map((node) => renameNode(node, rename)),
    initializers: keys(graph.initializers),
    values: new Map([...graph.values.values()].map((value) => [rename(value.name), renamed(value)])),
    ...(graph.source === undefined
      ? {}
      : { source: { ...graph.source, tensors: keys(graph.source.tensors) } }),
  };
}
