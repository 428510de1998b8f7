import { reads } from "./captures.js";
import type { Graph, Node } from "./graph.js";

/** Who reads the values of a graph. */
export interface Readers {
  /** The nodes that read a value, those included that only their subgraphs do; in the graph's order, and each as often as it reads it. */
  of(value: string): readonly Node[];
  /** How often a value is read; being an output of the graph counts as once. */
  count(value: string): number;
  /** The node that reads a value, if it is the only one and reads it once, and the value is no output of the graph. */
  only(value: string): Node | undefined;
}

/** Finds who reads the values of a graph. */
export function readersOf(graph: Graph): Readers {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const value of reads(node)) {
      const known = readers.get(value);
      if (known) known.push(node);
      else readers.set(value, [node]);
    }
  const of = (value: string) => readers.get(value) ?? [];
  const count = (value: string) => of(value).length + (outputs.has(value) ? 1 : 0);
  return { of, count, only: (value) => (count(value) === 1 ? of(value)[0] : undefined) };
}
