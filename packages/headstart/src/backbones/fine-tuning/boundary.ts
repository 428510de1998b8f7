import { HeadstartError } from "../../errors.js";
import type { Graph, Node } from "../../onnx/index.js";
import { reads } from "../../onnx/index.js";
import { nearNames } from "../../onnx/near-names.js";
import type { Block, DividedNetwork } from "./stages.js";

/** How many layers an error shows. */
const MOST_SHOWN = 8;

/**
 * The value behind which a network trains.
 *
 * @param network - the network, divided
 * @param fineTune - `last-stage`, `all`, or the beginning of the name of a node, of a value that it makes, or of a weight that it uses: the first
 *   block with such a node and all behind it train
 * @returns the name of the value; the photo's where nothing before it has weights
 * @throws HeadstartError `INVALID_OPTION` if nothing has a name that begins so; names like it and some layers are shown
 */
export function boundaryOf({ graph, stages }: DividedNetwork, fineTune: string): string {
  const image = graph.inputs[0]?.name ?? "";
  const blocks = stages.flatMap((stage) => stage.blocks);
  const first =
    fineTune === "all"
      ? 0
      : fineTune === "last-stage"
        ? blocks.findIndex(({ from }) => from === stages.at(-1)?.from)
        : blockNamed(graph, blocks, fineTune);
  const isFrozen = blocks.slice(0, first).some(({ weights }) => weights.length > 0);
  return isFrozen ? (blocks[first]?.from ?? image) : image;
}

/** The first block with a node, value or weight of a name that begins with `prefix`. */
function blockNamed(graph: Graph, blocks: readonly Block[], prefix: string): number {
  const names = namesByBlock(graph, blocks);
  const found = names.findIndex((some) => some.some((name) => name.startsWith(prefix)));
  if (found >= 0 && prefix !== "") return found;
  const near = nearNames(prefix, new Set(names.flat().flatMap(beginnings)));
  const layers = layersOf(blocks);
  throw new HeadstartError(
    "INVALID_OPTION",
    `The network has no layer whose name begins with ${prefix || "nothing"}.`,
    [
      near.length > 0 ? `Names like it: ${near.join(", ")}.` : "",
      layers.length > 0 ? `Some layers: ${layers.join(", ")}.` : "",
      "Or use --fine-tune last-stage, or all.",
    ]
      .filter((sentence) => sentence !== "")
      .join(" "),
  );
}

/** Names of the nodes of each block, of what they make and of their weights; nodes that prepare constants for a block count as its own. */
function namesByBlock(graph: Graph, blocks: readonly Block[]): string[][] {
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) makers.set(name, node);
  const seen = new Set(blocks.flatMap(({ nodes }) => nodes));
  const namesOf = (node: Node): string[] => {
    const names = [node.name, ...node.outputs];
    for (const name of reads(node)) {
      const maker = makers.get(name);
      if (maker !== undefined && !seen.has(maker)) {
        seen.add(maker);
        names.push(...namesOf(maker));
      }
    }
    return names;
  };
  return blocks.map(({ nodes, weights }) => [...nodes.flatMap(namesOf), ...weights]);
}

/** Some layers that have weights, spread over the network. */
function layersOf(blocks: readonly Block[]): string[] {
  const layers = [...new Set(blocks.flatMap(({ weights }) => weights).map(layerOf))];
  const shown = Math.min(MOST_SHOWN, layers.length);
  const step = (layers.length - 1) / Math.max(1, shown - 1);
  return Array.from({ length: shown }, (_, i) => layers[Math.round(i * step)] ?? "");
}

/** What a name begins with up to each dot or slash, and the name itself. */
function beginnings(name: string): string[] {
  return [...Array.from(name.matchAll(/(?<=.)[./]/g), ({ index }) => name.slice(0, index)), name];
}

/** The layer that a weight is called after: what stands before the last dot or slash of its name. */
function layerOf(weight: string): string {
  return /^(.+)[./][^./]+$/.exec(weight)?.[1] ?? weight;
}
