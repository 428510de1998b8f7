import type { Dim, Graph, ValueInfo } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { elementsOf, type Known, NodeContext, type ShapeRule } from "./context.js";
import { ELEMENTWISE } from "./elementwise.js";
import { LAYOUT } from "./layout.js";
import { MATRIX } from "./matrix.js";
import { REDUCE } from "./reduce.js";
import { SPATIAL } from "./spatial.js";
import { Symbols } from "./symbols.js";

const RULES: ReadonlyMap<string, ShapeRule> = new Map(
  Object.entries({ ...ELEMENTWISE, ...LAYOUT, ...MATRIX, ...REDUCE, ...SPATIAL }),
);

/**
 * Finds type and shape of every value: inputs, initializers, outputs and all in between stand in `values` of the result. Dimensions are
 * numbers or names. A size that follows from a named one has an expression as its name, such as `floor((H + 1)/2)`; equal names are equal
 * sizes. `"?"` is a size of which nothing is known. Shapes that the graph computes from shapes are followed. What an operator makes that
 * is not known here stays as the file says, or unknown.
 *
 * @throws HeadstartError `INVALID_MODEL` naming the node whose inputs do not fit each other
 */
export function inferShapes(graph: Graph): Graph {
  const symbols = new Symbols();
  const opset = graph.opsets.get("") ?? 1;
  const known = new Map<string, Known>();
  for (const [name, tensor] of graph.initializers) known.set(name, ofTensor(tensor));
  for (const { name, type, shape } of graph.inputs) known.set(name, { type, shape });
  const declared = new Map<string, ValueInfo>([
    ...graph.values,
    ...graph.outputs.map((output) => [output.name, output] as const),
  ]);
  for (const node of graph.nodes) {
    const rule = node.domain === "" ? RULES.get(node.op) : undefined;
    const context = new NodeContext(
      node,
      node.inputs.map((input) => known.get(input)),
      symbols,
      opset,
    );
    const found = rule?.(context) ?? [];
    for (const [i, output] of node.outputs.entries()) {
      if (output === "") continue;
      const made = found[i] ?? {};
      checkDims(made.shape, context);
      known.set(output, complete(made, declared.get(output)));
    }
  }
  const info = (value: ValueInfo): ValueInfo => {
    const { type, shape } = known.get(value.name) ?? {};
    return { ...value, type: type ?? value.type, shape: shape ?? value.shape };
  };
  return {
    ...graph,
    outputs: graph.outputs.map(info),
    values: new Map(
      [...known].map(([name, { type, shape }]) => [name, { ...graph.values.get(name), name, type, shape }]),
    ),
  };
}

function checkDims(shape: readonly Dim[] | undefined, context: NodeContext): void {
  for (const dim of shape ?? [])
    if (typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= 0))
      throw context.error(`its output would have the dimension ${dim}`);
}

function ofTensor(tensor: Tensor): Known {
  return { type: tensor.type, shape: tensor.dims, elements: elementsOf(tensor) };
}

/** What was found, and what the file says where that tells more. */
function complete(found: Known, declared: ValueInfo | undefined): Known {
  if (declared === undefined) return found;
  const { shape } = declared;
  const merged =
    found.shape === undefined || found.shape.length !== shape?.length
      ? (found.shape ?? shape)
      : found.shape.map((dim, axis) => (dim === "?" ? (shape[axis] ?? "?") : dim));
  return { ...found, type: found.type ?? declared.type, shape: merged };
}
