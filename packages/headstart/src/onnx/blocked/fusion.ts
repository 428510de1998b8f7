import type { Attribute, Graph, Node } from "../graph.js";
import { readersOf } from "../readers.js";
import { floats } from "../tensor.js";
import { imageShape, type Layer, type Values } from "./layer.js";

/** A layer together with what follows it and is done in one go with it. */
export interface Fused {
  readonly layer: Layer;
  /** The value that is added to its result. */
  readonly sum: string | undefined;
  /** What is done to the sum, as attributes of the operator. */
  readonly activation: ReadonlyMap<string, Attribute>;
  /** The value that comes out. */
  readonly output: string;
}

/** What is done in one go, by the last node of each; and the nodes that are done with a later one. */
export interface Fusion {
  readonly last: ReadonlyMap<Node, Fused>;
  readonly absorbed: ReadonlySet<Node>;
}

/** Finds the additions and activations that can be done with a layer: those that nothing but them reads the result of. */
export function fuse(graph: Graph, layers: ReadonlyMap<Node, Layer>, values: Values): Fusion {
  const readers = readersOf(graph);
  const last = new Map<Node, Fused>();
  const absorbed = new Set<Node>();
  for (const [node, layer] of layers) {
    let end = node;
    let sum: string | undefined;
    let activation: ReadonlyMap<string, Attribute> = new Map();
    let output = node.outputs[0] ?? "";
    const next = readers.only(output);
    if (next && !last.has(next) && !absorbed.has(next) && isSum(next, values)) {
      sum = next.inputs.find((input) => input !== output);
      absorbed.add(end);
      end = next;
      output = next.outputs[0] ?? "";
    }
    const after = readers.only(output);
    const found = after && activationOf(after, graph);
    if (found) {
      absorbed.add(end);
      end = after;
      activation = found;
      output = after.outputs[0] ?? "";
    }
    last.set(end, { layer, sum, activation, output });
  }
  return { last, absorbed };
}

/** Whether a node adds two images of one size. */
function isSum(node: Node, values: Values): boolean {
  if (node.op !== "Add" || node.domain !== "" || node.inputs[0] === node.inputs[1]) return false;
  const [first, second] = node.inputs.map((input) => imageShape(values, input));
  return first !== undefined && second !== undefined && isSame(first, second);
}

/** Whether dimensions are known to be the same. */
export function isSame(first: readonly (number | string)[], second: readonly (number | string)[]): boolean {
  return first.length === second.length && first.every((dim, i) => dim !== "?" && dim === second[i]);
}

function activationOf(node: Node, graph: Graph): ReadonlyMap<string, Attribute> | undefined {
  if (node.domain !== "") return undefined;
  if (node.op === "Relu") return new Map([["activation", { kind: "string", value: "Relu" }]]);
  if (node.op !== "Clip") return undefined;
  const [, min = "", max = ""] = node.inputs;
  const bounds = [min, max].map((name) => {
    const tensor = graph.initializers.get(name);
    return tensor?.type === "float32" ? floats(tensor)[0] : undefined;
  });
  const [low, high] = bounds;
  if (low === undefined || high === undefined) return undefined;
  return new Map<string, Attribute>([
    ["activation", { kind: "string", value: "Clip" }],
    ["activation_params", { kind: "floats", value: [low, high] }],
  ]);
}
