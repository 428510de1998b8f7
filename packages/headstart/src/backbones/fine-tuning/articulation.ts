import { type Graph, type Node, reads } from "../../onnx/index.js";

/** The nodes between two values of a graph that every path goes through. */
export interface Segment {
  /** The value that all of them start from. */
  readonly from: string;
  /** The value that all of them lead to. */
  readonly to: string;
  /** Those on a path from the one to the other, in the graph's order. */
  readonly nodes: readonly Node[];
}

/**
 * Divides a graph at its articulation values: those between an input and a result that every path from the one to the other goes through.
 * One walk over the nodes finds them. In any topological order, an articulation value is the only value that is still to be read at
 * the moment when it has been made: what comes before it does not reach past it, and what comes behind it has not begun.
 *
 * @param graph - the graph
 * @param from - where paths start: an input
 * @param to - where they end: a value that depends on `from`
 * @param passes - whether a node passes on what it reads; nodes that only look at shapes do not. Default: all do
 * @returns the segments between neighbouring articulation values, in order; the first starts at `from` and the last ends at `to`
 */
export function segmentsBetween(
  graph: Graph,
  from: string,
  to: string,
  passes: (node: Node) => boolean = () => true,
): Segment[] {
  const nodes = between(graph, from, to, passes);
  const left = new Map<string, number>();
  for (const node of nodes)
    for (const name of new Set(reads(node))) left.set(name, (left.get(name) ?? 0) + 1);
  left.set(to, (left.get(to) ?? 0) + 1);
  const open = new Set([from]);
  const segments: Segment[] = [];
  let start = from;
  let members: Node[] = [];
  for (const node of nodes) {
    members.push(node);
    for (const name of new Set(reads(node))) {
      const rest = (left.get(name) ?? 0) - 1;
      left.set(name, rest);
      if (rest === 0) open.delete(name);
    }
    for (const name of node.outputs) if ((left.get(name) ?? 0) > 0) open.add(name);
    const [only] = open;
    if (open.size !== 1 || only === undefined || !node.outputs.includes(only)) continue;
    segments.push({ from: start, to: only, nodes: members });
    [start, members] = [only, []];
  }
  return segments;
}

/** The nodes on a path from one value to another. */
function between(graph: Graph, from: string, to: string, passes: (node: Node) => boolean): Node[] {
  const reached = new Set([from]);
  const behind = graph.nodes.filter((node) => {
    const isReached = passes(node) && reads(node).some((name) => reached.has(name));
    if (isReached) for (const name of node.outputs) if (name !== "") reached.add(name);
    return isReached;
  });
  const needed = new Set([to]);
  return behind
    .reverse()
    .filter((node) => {
      const isNeeded = node.outputs.some((name) => needed.has(name));
      if (isNeeded) for (const name of reads(node)) needed.add(name);
      return isNeeded;
    })
    .reverse();
}
