import { elementCount, type Graph, type Node, numbersOf, type Tensor } from "../../onnx/index.js";
import { carried } from "./standard-form.js";

/** Layers: operators with weights of their own, and the places where these stand. */
const LAYERS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
};

/** Operators whose constants train behind a layer, and their places; before the first layer they belong to how photos are prepared. */
const BEHIND_LAYERS: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  // The running mean and variance, its places 3 and 4, are statistics and no weights.
  BatchNormalization: [1, 2],
  Concat: [],
  Div: [0, 1],
  Einsum: [],
  Gather: [0],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  Mul: [0, 1],
  PRelu: [1],
  Sub: [0, 1],
};

/** Numbers from here down are what attention adds where it must not look. */
const FORBIDDEN = -100;

/**
 * The weights that each node trains: floating-point initializers of more than one element that it uses as weights, biases, scales or
 * tables, read directly or through operators that only carry them.
 *
 * @param graph - a network in standard form
 * @param path - its nodes from the photo to the features, in order
 * @param image - the value that the photo is
 * @returns for each node of `path` that has any, the names of the initializers, in the order of its inputs
 */
export function weightsOfNodes(
  graph: Graph,
  path: readonly Node[],
  image: string,
): ReadonlyMap<Node, readonly string[]> {
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) makers.set(name, node);
  const onPath = new Set([image, ...path.flatMap(({ outputs }) => outputs)]);

  /** The weights that a value carries, if it does not depend on the photo. */
  const weightsIn = (value: string): string[] => {
    if (value === "" || onPath.has(value)) return [];
    const tensor = graph.initializers.get(value);
    if (tensor !== undefined) return isWeight(tensor) ? [value] : [];
    const maker = makers.get(value);
    return maker === undefined ? [] : carried(maker).flatMap(weightsIn);
  };

  const found = new Map<Node, readonly string[]>();
  const behindLayer = new Set<string>();
  for (const node of path) {
    if (node.domain !== "") continue;
    const isBehind = node.inputs.some((name) => behindLayer.has(name));
    const weights = placesOf(node, isBehind).flatMap((place) => weightsIn(node.inputs[place] ?? ""));
    const trains = weights.filter((name) => !isMask(node, graph.initializers.get(name)));
    if (trains.length > 0) found.set(node, [...new Set(trains)]);
    const isLayer = Object.hasOwn(LAYERS, node.op) && weights.length > 0;
    if (isLayer || isBehind) for (const name of node.outputs) behindLayer.add(name);
  }
  return found;
}

function placesOf(node: Node, isBehind: boolean): readonly number[] {
  if (Object.hasOwn(LAYERS, node.op)) return LAYERS[node.op] ?? [];
  if (!isBehind || !Object.hasOwn(BEHIND_LAYERS, node.op)) return [];
  const places = BEHIND_LAYERS[node.op] ?? [];
  return places.length > 0 ? places : node.inputs.map((_, place) => place);
}

function isWeight({ type, dims }: Tensor): boolean {
  return type === "float32" && elementCount(dims) > 1;
}

/** Whether what a node adds is a mask: zeros, and where attention must not look, one large negative number. */
function isMask({ op }: Node, tensor: Tensor | undefined): boolean {
  if (op !== "Add" || tensor === undefined) return false;
  let forbidden: number | undefined;
  const numbers = numbersOf(tensor);
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] ?? 0;
    if (number === 0) continue;
    if (number > FORBIDDEN || (forbidden !== undefined && number !== forbidden)) return false;
    forbidden = number;
  }
  return forbidden !== undefined;
}
