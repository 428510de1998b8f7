import { channelAxis, elementCount, type Graph, type Node } from "../../onnx/index.js";
import { type Segment, segmentsBetween } from "./articulation.js";
import { atImageSize } from "./fixed-size.js";
import { standardForm } from "./standard-form.js";
import { weightsOfNodes } from "./weights.js";

/** How many stages a network without reductions is divided into. */
const EQUAL_STAGES = 4;

/** A part of a network that everything goes through on its way: it starts from one value [N, ...] and leads to one. */
export interface Block extends Segment {
  /** Names of the weights that its layers use; see `weightsOfNodes`. */
  readonly weights: readonly string[];
}

/** Blocks that work at one size of feature maps, or a part of a network that has one size only. */
export interface NetworkStage {
  /** The value that it starts from. */
  readonly from: string;
  readonly blocks: readonly Block[];
}

/** A backbone, divided. */
export interface DividedNetwork {
  /** The backbone in standard form. */
  readonly form: Graph;
  /** The same at the image size, with all shapes in `values`. */
  readonly graph: Graph;
  /** From the photo to the features. */
  readonly stages: readonly NetworkStage[];
}

/**
 * Divides a backbone into blocks and stages. Blocks lie between values that every path from the photo to the features goes through, such as what a
 * residual connection leads around. A stage begins where the maps of features become smaller: at the block that makes them so or, where
 * that block begins with a wider layer of its own, before that layer. The layers behind the last reduction are the last stage. A
 * stage without weights belongs to the one before it. A network that has one size behind its first layers, such as a vision transformer, is divided into
 * four equal groups of blocks.
 *
 * @param backbone - a backbone's graph, from `image` [N, 3, H, W] to `features` [N, D]
 * @param imageSize - height and width of the photos in pixels
 */
export function networkStages(backbone: Graph, imageSize: number): DividedNetwork {
  const form = standardForm(backbone);
  const graph = atImageSize(form, imageSize);
  const blocks = blocksOf(graph);
  const reductions = withWeights(blocks, reductionsOf(graph, blocks));
  const starts = equalStages(blocks, reductions) ?? reductions;
  const stages = starts.map((start, i) => {
    const members = blocks.slice(start, starts[i + 1]);
    return { from: members[0]?.from ?? "image", blocks: members };
  });
  return { form, graph, stages };
}

/** The blocks from the photo to the features, between values that are batches of known size. */
function blocksOf(graph: Graph): Block[] {
  const [image, features] = [graph.inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const segments = segmentsBetween(graph, image, features, (node) => !looksAtShape(node, graph));
  const weights = weightsOfNodes(
    graph,
    segments.flatMap(({ nodes }) => nodes),
    image,
  );
  const blocks: Block[] = [];
  let nodes: Node[] = [];
  let from = image;
  for (const segment of segments) {
    nodes.push(...segment.nodes);
    const { to } = segment;
    const isBatch = graph.values.get(to)?.type === "float32" && sizeOf(graph, to) !== undefined;
    if (!isBatch && to !== features) continue;
    const own = new Set(nodes.flatMap((node) => weights.get(node) ?? []));
    blocks.push({ from, to, nodes, weights: [...own] });
    [from, nodes] = [to, []];
  }
  return blocks;
}

/**
 * Whether a node looks only at the shape of a batch of known size, of which nothing but the number of photos has to be found when it runs.
 *
 * @param graph - the graph at an image size, with all shapes in `values`
 */
export function looksAtShape({ op, domain, inputs: [x = ""] }: Node, graph: Graph): boolean {
  return op === "Shape" && domain === "" && sizeOf(graph, x) !== undefined;
}

/**
 * The dimensions of a value [N, ...] behind the first; undefined for one that is no batch of known size.
 *
 * @param graph - the graph at an image size, with all shapes in `values`
 */
export function sizeOf(graph: Graph, value: string): readonly number[] | undefined {
  const shape = graph.values.get(value)?.shape;
  if (shape === undefined || shape.length === 0) return undefined;
  const [first, ...rest] = shape;
  return first === graph.inputs[0]?.shape?.[0] && rest.every((dim) => typeof dim === "number")
    ? rest
    : undefined;
}

/** The blocks at which stages begin: the first, and those that reduce the size of the maps. */
function reductionsOf(graph: Graph, blocks: readonly Block[]): number[] {
  const starts = [0];
  let last = extentOf(graph, blocks[0]?.from ?? "");
  let since = 0;
  let reduced = 0;
  for (const [i, block] of blocks.entries()) {
    const extent = extentOf(graph, block.to);
    if (extent === undefined) continue;
    if (last !== undefined && falls(last, extent) && (extent.places > 1 || block.nodes.some(isConvolution))) {
      starts.push(begin(graph, blocks, since, reduced));
      reduced = i + 1;
    }
    last = extent;
    since = i + 1;
  }
  return [...new Set(starts)].sort((a, b) => a - b);
}

/** How large maps or tokens are. */
interface Extent {
  readonly isMap: boolean;
  /** Height times width, or the number of tokens. */
  readonly places: number;
  /** All elements of a photo's. */
  readonly elements: number;
}

/** Extent of feature maps [N, C, H, W] or [N, H, W, C], or of tokens [N, T, D]; undefined for other values. */
function extentOf(graph: Graph, value: string): Extent | undefined {
  const size = sizeOf(graph, value) ?? [];
  const elements = elementCount(size);
  const [a = 0, b = 0, c = 0] = size;
  if (size.length === 2)
    return { isMap: false, places: channelAxis(graph, value, 3) === 1 ? b : a, elements };
  if (size.length !== 3) return undefined;
  // Photos are squares.
  if (b === c) return { isMap: true, places: b * c, elements };
  return a === b ? { isMap: true, places: a * b, elements } : undefined;
}

/** Whether places become fewer by half or more. Between tokens, elements have to as well: otherwise they were only laid out in another way. */
function falls(before: Extent, after: Extent): boolean {
  const isFewer = after.places <= before.places / 2;
  return isFewer && ((before.isMap && after.isMap) || after.elements < before.elements);
}

/**
 * Where the stage begins whose first reduction is in a block: a layer that widens the maps for a convolution in that block belongs to the
 * stage, and so does a normalisation between a residual block and that block.
 */
function begin(graph: Graph, blocks: readonly Block[], reducing: number, earliest: number): number {
  const width = (index: number) => elementCount(sizeOf(graph, blocks[index]?.from ?? "") ?? []);
  let best = reducing;
  let layers = 0;
  for (let at = reducing - 1; at >= earliest; at--) {
    const block = blocks[at];
    if (block === undefined || isJoin(block) || width(at) > width(at + 1)) break;
    if (block.nodes.some(isLayer) && ++layers > 1) break;
    if (width(at) < width(best)) best = at;
  }
  let norms = 0;
  for (let at = best - 1; at >= earliest; at--) {
    const block = blocks[at];
    if (block === undefined || isJoin(block)) return norms > 0 && block !== undefined ? at + 1 : best;
    if (block.nodes.some(isLayer) || width(at) !== width(best)) break;
    if (block.weights.length > 0) norms++;
  }
  return best;
}

/** Whether a block has several paths and weights, such as a residual block or one of several branches. */
function isJoin({ nodes, weights }: Block): boolean {
  return nodes.length > 1 && weights.length > 0;
}

function isConvolution({ op }: Node): boolean {
  return op === "Conv";
}

function isLayer({ op }: Node): boolean {
  return op === "Conv" || op === "ConvTranspose" || op === "Gemm" || op === "MatMul";
}

/** The starts of stages that have weights; what others have belongs to the stage before them, or behind the first. */
function withWeights(blocks: readonly Block[], starts: readonly number[]): number[] {
  const kept: number[] = [];
  for (const [i, start] of starts.entries()) {
    const own = blocks.slice(start, starts[i + 1]);
    if (i === 0 || own.some(({ weights }) => weights.length > 0)) kept.push(start);
  }
  const [first = 0, second, ...more] = kept;
  const stem = blocks.slice(first, second);
  if (second === undefined || stem.some(({ weights }) => weights.length > 0)) return kept;
  return [first, ...more];
}

/**
 * The starts of equal groups of blocks, of a network that has all its residual blocks behind its last reduction, or has neither; undefined
 * for others.
 */
function equalStages(blocks: readonly Block[], reductions: readonly number[]): number[] | undefined {
  const joins = blocks.flatMap((block, i) => (isJoin(block) ? i : []));
  const last = reductions.at(-1) ?? 0;
  const [first] = joins;
  const units =
    first !== undefined ? joins : blocks.flatMap(({ weights }, i) => (weights.length > 0 ? i : []));
  const isEven = first === undefined ? last === 0 : first >= last;
  if (units.length < EQUAL_STAGES || !isEven) return undefined;
  return Array.from({ length: EQUAL_STAGES }, (_, group) =>
    group === 0 ? 0 : (units[Math.floor((group * units.length) / EQUAL_STAGES)] ?? 0),
  );
}
