import { HeadstartError } from "../errors.js";
import { reads } from "./captures.js";
import type { Node } from "./graph.js";

/**
 * Nodes in an order in which every value is made before it is read; as they stand, if that is one already.
 *
 * @param nodes - the nodes in any order
 * @param given - names that exist before any node runs: inputs and initializers
 * @throws HeadstartError `INVALID_MODEL` if a value is made twice or never, or nodes wait for each other
 */
export function sortNodes(nodes: readonly Node[], given: ReadonlySet<string>): Node[] {
  const makers = new Map<string, Node>();
  for (const node of nodes)
    for (const output of node.outputs) {
      if (output === "") continue;
      if (makers.has(output) || given.has(output))
        throw new HeadstartError(
          "INVALID_MODEL",
          `The value ${output} is made twice, the second time by ${node.name}.`,
        );
      makers.set(output, node);
    }
  const waiting = new Map<Node, number>();
  const readers = new Map<Node, Node[]>();
  for (const node of nodes) {
    const before = new Set<Node>();
    for (const name of reads(node)) {
      const maker = makers.get(name);
      if (maker !== undefined) before.add(maker);
      else if (!given.has(name))
        throw new HeadstartError(
          "INVALID_MODEL",
          `The node ${node.name} (${node.op}) reads ${name}, which nothing makes.`,
        );
    }
    waiting.set(node, before.size);
    for (const maker of before) {
      const others = readers.get(maker);
      if (others === undefined) readers.set(maker, [node]);
      else others.push(node);
    }
  }
  if (isSorted(nodes, makers)) return [...nodes];
  const sorted = nodes.filter((node) => waiting.get(node) === 0);
  for (const node of sorted)
    for (const reader of readers.get(node) ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      if (left === 0) sorted.push(reader);
    }
  if (sorted.length < nodes.length) {
    const stuck = nodes.find((node) => (waiting.get(node) ?? 0) > 0);
    throw new HeadstartError(
      "INVALID_MODEL",
      `The nodes of the graph wait for each other in a circle, which ${stuck?.name ?? "one"} (${stuck?.op ?? "node"}) is part of or waits for.`,
    );
  }
  return sorted;
}

function isSorted(nodes: readonly Node[], makers: ReadonlyMap<string, Node>): boolean {
  const done = new Set<Node>();
  return nodes.every((node) => {
    const ready = reads(node).every((name) => {
      const maker = makers.get(name);
      return maker === undefined || done.has(maker);
    });
    done.add(node);
    return ready;
  });
}
