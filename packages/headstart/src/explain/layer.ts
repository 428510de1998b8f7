import { segmentsBetween } from "../backbones/fine-tuning/articulation.js";
import { HeadstartError } from "../errors.js";
import { channelAxis, type Graph, type Node } from "../onnx/index.js";
import { nearNames } from "../onnx/near-names.js";

/** Tokens that stand before those of the places: a class token, a second one, registers. */
const MOST_PREFIX = 8;

/** Operators that can have weights: before the first of them, all is the photo itself. */
const WEIGHTED = new Set(["Conv", "Einsum", "Gemm", "MatMul"]);

/** Layers that an error names. */
const MOST_SHOWN = 4;

/** A value of a network that has a place for each part of the photo. */
export interface MapLayer {
  /** The value's name. */
  readonly name: string;
  /** Number of its dimensions: 4 for feature maps, 3 for tokens. */
  readonly rank: 3 | 4;
  /** Which of them holds the channels. */
  readonly channelAxis: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Tokens that stand before those of the places, such as a class token; 0 for feature maps. */
  readonly prefix: number;
}

/**
 * A value as a layer that a map can be taken at: feature maps [N, C, H, W] or [N, H, W, C], or tokens [N, T, D] that stand for a square of
 * places row after row, perhaps behind a class token and others.
 *
 * @param graph - the network, every shape in its `values`
 * @param value - the value's name
 * @returns undefined for any other value, for one of unknown size, and for one that has a single place
 */
export function describeLayer(graph: Graph, value: string): MapLayer | undefined {
  const info = graph.values.get(value);
  const [, ...sizes] = info?.shape ?? [];
  const numbers = sizes.filter((size) => typeof size === "number");
  if (info?.type !== "float32" || numbers.length !== sizes.length) return undefined;
  if (numbers.length === 3) {
    const axis = channelAxis(graph, value, 4) ?? 1;
    const [height = 0, width = 0] = numbers.filter((_, i) => i + 1 !== axis);
    const layer = { name: value, rank: 4, channelAxis: axis, channels: numbers[axis - 1] ?? 0 } as const;
    return height * width > 1 ? { ...layer, height, width, prefix: 0 } : undefined;
  }
  if (numbers.length !== 2) return undefined;
  const axis = channelAxis(graph, value, 3) ?? 2;
  const [tokens = 0] = numbers.filter((_, i) => i + 1 !== axis);
  const side = Math.floor(Math.sqrt(tokens));
  const prefix = tokens - side ** 2;
  if (side < 2 || prefix >= side || prefix > MOST_PREFIX) return undefined;
  const layer = { name: value, rank: 3, channelAxis: axis, channels: numbers[axis - 1] ?? 0 } as const;
  return { ...layer, height: side, width: side, prefix };
}

/**
 * The layers at which everything that the network makes of a photo comes by, from the first that has weights to the logits; those among tokens behind which a
 * class token no longer looks at the others are left out.
 *
 * @param graph - a classifier with the input `image`, every shape in its `values`
 * @param logits - the value that the layers lead to
 */
export function mapLayers(graph: Graph, logits: string): MapLayer[] {
  const image = graph.inputs.find(({ name }) => name === "image")?.name ?? "";
  const segments = segmentsBetween(graph, image, logits, passesOn);
  const first = segments.findIndex(({ nodes }) => nodes.some(({ op }) => WEIGHTED.has(op)));
  return segments.flatMap(({ to }, i) => {
    const layer = i < first ? undefined : describeLayer(graph, to);
    if (layer === undefined) return [];
    const isRead = layer.prefix === 0 || segments.slice(i + 1).some(({ nodes }) => attends(nodes));
    return isRead ? [layer] : [];
  });
}

/**
 * The layer that a map is taken at.
 *
 * @param graph - a classifier with the input `image`, every shape in its `values`
 * @param logits - the value that the layer leads to
 * @param name - name of a value, or of a node for what it makes first. Default: the last of {@link mapLayers}
 * @returns the layer, and the nodes between it and the logits
 * @throws HeadstartError `INVALID_OPTION` if there is no such layer (names like it are shown), the logits do not depend on it, or it has no place for
 *   each part of the photo; `UNSUPPORTED` if the network has no such layer at all
 */
export function chooseLayer(
  graph: Graph,
  logits: string,
  name?: string,
): { readonly layer: MapLayer; readonly behind: readonly Node[] } {
  if (name === undefined) {
    const layer = mapLayers(graph, logits).at(-1);
    if (layer === undefined)
      throw new HeadstartError(
        "UNSUPPORTED",
        `The network ${graph.name} has no feature maps or tokens that stand for the parts of a photo, so there is no map to show.`,
        "Hide parts of the photo instead: --method occlusion",
      );
    return { layer, behind: nodesBehind(graph, layer.name, logits) };
  }
  const value = valueNamed(graph, logits, name);
  const layer = describeLayer(graph, value);
  const behind = nodesBehind(graph, value, logits);
  if (behind.length === 0)
    throw new HeadstartError(
      "INVALID_OPTION",
      `What the network says does not depend on the layer ${name}.`,
      hint(graph, logits),
    );
  if (layer === undefined) {
    const { type = "of an unknown type", shape } = graph.values.get(value) ?? {};
    throw new HeadstartError(
      "INVALID_OPTION",
      `The layer ${name} makes ${type} [${shape?.join(", ") ?? "?"}], which has no place for each part of the photo.`,
      hint(graph, logits),
    );
  }
  if (layer.prefix > 0 && !attends(behind))
    throw new HeadstartError(
      "INVALID_OPTION",
      `Behind the layer ${name} the network reads the class token alone, which looks at the others no more: its map would be empty.`,
      hint(graph, logits),
    );
  return { layer, behind };
}

/** A sentence that names some layers that can be chosen. */
export function hint(graph: Graph, logits: string, among = mapLayers(graph, logits)): string {
  const names = among.slice(-MOST_SHOWN).map(({ name }) => name);
  return names.length === 0 ? "" : `Layers that have a map: ${names.join(", ")}.`;
}

/** The nodes between a value and the logits; none where the logits do not depend on it. */
export function nodesBehind(graph: Graph, value: string, logits: string): readonly Node[] {
  return segmentsBetween(graph, value, logits, passesOn).flatMap(({ nodes }) => nodes);
}

/** Whether what a node makes depends on more than the shape of what it is given. */
function passesOn({ op, domain }: Node): boolean {
  return op !== "Shape" || domain !== "";
}

function valueNamed(graph: Graph, logits: string, name: string): string {
  const node = graph.nodes.find((one) => one.name === name || one.outputs.includes(name));
  const value = node?.outputs.includes(name) ? name : node?.outputs[0];
  if (value !== undefined && name !== "") return value;
  const near = nearNames(
    name,
    mapLayers(graph, logits).map((layer) => layer.name),
  );
  throw new HeadstartError(
    "INVALID_OPTION",
    `The network has no layer ${name || "without a name"}.`,
    near.length > 0 ? `Layers with names like it: ${near.join(", ")}.` : hint(graph, logits),
  );
}

/** Whether tokens look at each other in some nodes of a path: an attention, or a product of two values of which both are on the path. */
function attends(nodes: readonly Node[]): boolean {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  return nodes.some(
    ({ op, inputs }) =>
      op === "Attention" ||
      ((op === "MatMul" || op === "Einsum") && inputs.length > 1 && inputs.every((name) => made.has(name))),
  );
}
