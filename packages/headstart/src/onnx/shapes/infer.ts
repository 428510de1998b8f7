import type { Dim, Graph, Node, ValueInfo } from "../graph.js";
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

/** What is known of the values of a graph, found node by node. */
export class Inference {
  readonly #known = new Map<string, Known>();
  readonly #declared: ReadonlyMap<string, ValueInfo>;
  readonly #symbols = new Symbols();
  readonly #opset: number;

  /** @param graph - the graph; of its nodes only those count that are handed to {@link add} */
  constructor(graph: Graph) {
    this.#opset = graph.opsets.get("") ?? 1;
    for (const [name, tensor] of graph.initializers) this.#known.set(name, ofTensor(tensor));
    for (const { name, type, shape } of graph.inputs) this.#known.set(name, { type, shape });
    this.#declared = new Map<string, ValueInfo>([
      ...graph.values,
      ...graph.outputs.map((output) => [output.name, output] as const),
    ]);
  }

  /**
   * Adds a node behind those it reads.
   *
   * @throws HeadstartError `INVALID_MODEL` naming the node, if its inputs do not fit each other
   */
  add(node: Node): void {
    const rule = node.domain === "" ? RULES.get(node.op) : undefined;
    const inputs = node.inputs.map((input) => this.#known.get(input));
    const context = new NodeContext(node, inputs, this.#symbols, this.#opset);
    const found = rule?.(context) ?? [];
    for (const [i, output] of node.outputs.entries()) {
      if (output === "") continue;
      const made = found[i] ?? {};
      checkDims(made.shape, context);
      this.#known.set(output, complete(made, this.#declared.get(output)));
    }
  }

  /** Adds a constant. */
  constant(name: string, tensor: Tensor): void {
    this.#known.set(name, ofTensor(tensor));
  }

  /** What is known of a value so far. */
  of(name: string): Known {
    return this.#known.get(name) ?? {};
  }

  /** All values so far. */
  get names(): Iterable<string> {
    return this.#known.keys();
  }
}

/**
 * Finds type and shape of every value: inputs, initializers, outputs and all in between stand in `values` of the result. Dimensions are
 * numbers or names. A size that follows from a named one has an expression as its name, such as `floor((H + 1)/2)`; equal names are equal
 * sizes. `"?"` is a size of which nothing is known. Shapes that the graph computes from shapes are followed. What an operator makes that
 * is not known here stays as the file says, or unknown.
 *
 * @throws HeadstartError `INVALID_MODEL` naming the node whose inputs do not fit each other
 */
export function inferShapes(graph: Graph): Graph {
  const inference = new Inference(graph);
  for (const node of graph.nodes) inference.add(node);
  const info = (value: ValueInfo): ValueInfo => {
    const { type, shape } = inference.of(value.name);
    return { ...value, type: type ?? value.type, shape: shape ?? value.shape };
  };
  return {
    ...graph,
    outputs: graph.outputs.map(info),
    values: new Map(
      Array.from(inference.names, (name) => {
        const { type, shape } = inference.of(name);
        return [name, { ...graph.values.get(name), name, type, shape }];
      }),
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
