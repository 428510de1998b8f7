import { HeadstartError } from "../errors.js";
import { reads } from "./captures.js";
import type { Graph, ValueInfo } from "./graph.js";
import { inferShapes } from "./shapes/infer.js";

/**
 * Only what some values need: the nodes that they are made from, and those nodes' constants and inputs.
 *
 * @param graph - the graph
 * @param outputs - the values to keep, which become the outputs; by default the graph's own outputs
 * @param options - `keepInputs`: keep inputs that nothing reads
 * @throws HeadstartError `INVALID_MODEL` if the graph has no such value
 */
export function prune(
  graph: Graph,
  outputs: readonly string[] = graph.outputs.map(({ name }) => name),
  options: { readonly keepInputs?: boolean } = {},
): Graph {
  const needed = new Set(outputs);
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => name !== "" && needed.has(name))) return false;
      for (const name of reads(node)) needed.add(name);
      return true;
    })
    .reverse();
  for (const node of nodes) for (const name of node.outputs) needed.add(name);
  const only = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...map].filter(([name]) => needed.has(name)));
  return {
    ...graph,
    nodes,
    inputs: graph.inputs.filter(({ name }) => options.keepInputs === true || needed.has(name)),
    outputs: describe(graph, outputs),
    initializers: only(graph.initializers),
    values: only(graph.values),
  };
}

function describe(graph: Graph, names: readonly string[]): ValueInfo[] {
  const own = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]));
  const made = new Set([
    ...own.keys(),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  let inferred: Graph["values"] | undefined;
  return names.map((name) => {
    if (name === "" || !made.has(name))
      throw new HeadstartError("INVALID_MODEL", `The graph ${graph.name} has no value "${name}".`);
    const known = own.get(name) ?? graph.values.get(name);
    if (known !== undefined) return known;
    inferred ??= inferShapes(graph).values;
    return inferred.get(name) ?? { name, type: undefined, shape: undefined };
  });
}
