import { constantOf } from "../constant.js";
import { elementTypeCode } from "../element-types.js";
import type { Graph, Node } from "../graph.js";
import { prune } from "../prune.js";
import { inferShapes } from "../shapes/infer.js";
import { int64, type Tensor } from "../tensor.js";
import { EVALUATE } from "./evaluate.js";

/** A single constant may grow to this many elements, or to as many as the largest that the graph holds already. */
const ELEMENTS_ALLOWANCE = 2 ** 16;

/**
 * Evaluates nodes that read constants only, such as weights stored as float16 behind a `Cast`, and puts initializers in their place. Shapes
 * that are known become constants too. What would grow beyond the size of the weights is left as it is, so that a small file cannot
 * fill the memory. Results of arithmetic are rounded to float32 as the runtime does.
 */
export function foldConstants(graph: Graph): Graph {
  const { values } = inferShapes(graph);
  const constants = new Map(graph.initializers);
  let stored = 0;
  for (const tensor of constants.values()) stored += tensor.data.byteLength;
  // Casting all weights to twice or four times their bytes is what this is for; more than that is not.
  let room = 64 * 2 ** 20 + 8 * stored;
  const nodes = graph.nodes.filter((node) => {
    const [output] = node.outputs;
    if (node.domain !== "" || output === undefined || output === "" || node.outputs.length > 1) return true;
    if (room <= 0) return true;
    let largest = ELEMENTS_ALLOWANCE;
    for (const name of node.inputs) largest = Math.max(largest, constants.get(name)?.data.byteLength ?? 0);
    const known = constantOf(node) ?? shape(node, values);
    const plain = node.op === "CastLike" ? castOf(node, values) : node;
    const canTry = EVALUATE.has(plain.op) && plain.inputs.every((name) => name === "" || constants.has(name));
    const made = known ?? (canTry ? evaluate(plain, constants, Math.min(largest, room)) : undefined);
    // A try costs time even if it comes to nothing.
    if (made !== undefined || canTry) room -= made?.data.byteLength ?? largest;
    if (made === undefined) return true;
    constants.set(output, made);
    return false;
  });
  return prune({ ...graph, nodes, initializers: constants }, undefined, { keepInputs: true });
}

/**
 * What a node makes of constants; undefined if it reads anything else, or is not evaluated here.
 *
 * @param node - the node
 * @param constants - what is constant, by name
 * @param limit - the most elements that it may make
 */
export function evaluate(
  node: Node,
  constants: ReadonlyMap<string, Tensor>,
  limit: number,
): Tensor | undefined {
  const inputs = node.inputs.map((name) => constants.get(name));
  if (!node.inputs.every((name, i) => name === "" || inputs[i] !== undefined)) return undefined;
  return EVALUATE.get(node.op)?.(node, inputs, limit);
}

/** A `CastLike` as the `Cast` that it comes to, where the type of its example is known. */
function castOf(node: Node, values: Graph["values"]): Node {
  const [x = "", like = ""] = node.inputs;
  const type = values.get(like)?.type;
  if (type === undefined) return node;
  return {
    ...node,
    op: "Cast",
    inputs: [x],
    attributes: new Map([["to", { kind: "int", value: elementTypeCode(type) }]]),
  };
}

/** What a `Shape` or `Size` node says of a value whose shape has no names in it. */
function shape(node: Node, values: Graph["values"]): Tensor | undefined {
  if (node.op !== "Shape" && node.op !== "Size") return undefined;
  const dims = values.get(node.inputs[0] ?? "")?.shape;
  if (!dims?.every((dim) => typeof dim === "number")) return undefined;
  if (node.op === "Size") return int64([], [dims.reduce((all, dim) => all * dim, 1)]);
  const place = (name: string, fallback: number): number => {
    const at = node.attributes.get(name);
    const given = at?.kind === "int" ? at.value : fallback;
    return Math.min(Math.max(given < 0 ? given + dims.length : given, 0), dims.length);
  };
  const part = dims.slice(place("start", 0), place("end", dims.length));
  return int64([part.length], part);
}
