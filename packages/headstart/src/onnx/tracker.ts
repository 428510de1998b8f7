import { constantOf } from "./constant.js";
import { evaluate } from "./fold/constants.js";
import type { Graph, Node } from "./graph.js";
import { tensorOf } from "./scalars.js";
import { type Known, MOST_ELEMENTS } from "./shapes/context.js";
import { Inference } from "./shapes/infer.js";
import type { DataType, Tensor } from "./tensor.js";

/** Weights in these types stay as they are stored. */
const STORED: ReadonlySet<DataType> = new Set(["float16", "bfloat16", "int8", "uint8"]);

/** Follows a graph node by node: the shapes of its values, and what is constant among the small ones that shapes are computed from. */
export class Tracker {
  readonly #inference: Inference;
  readonly #constants: Map<string, Tensor>;

  /** @param graph - the graph; of its nodes only those count that are handed to {@link add} */
  constructor(graph: Graph) {
    this.#inference = new Inference(graph);
    this.#constants = new Map(graph.initializers);
  }

  /** The constants by name: initializers, and what nodes make that are constant. */
  get constants(): ReadonlyMap<string, Tensor> {
    return this.#constants;
  }

  /**
   * Adds a node behind those it reads.
   *
   * @returns whether what it makes is a constant, which makes the node superfluous
   * @throws HeadstartError `INVALID_MODEL` naming the node, if its inputs do not fit each other
   */
  add(node: Node): boolean {
    this.#inference.add(node);
    const [output = "", ...more] = node.outputs;
    if (node.domain !== "" || output === "" || more.length > 0) return false;
    const reads = node.inputs.map((name) => this.#constants.get(name));
    const isStored = reads.some((tensor) => tensor !== undefined && STORED.has(tensor.type));
    const tensor =
      constantOf(node) ??
      listOf(this.of(output)) ??
      (isStored || reads.length === 0 ? undefined : evaluate(node, this.#constants, MOST_ELEMENTS));
    if (tensor === undefined) return false;
    this.constant(output, tensor);
    return true;
  }

  /** Adds a constant. */
  constant(name: string, tensor: Tensor): void {
    this.#constants.set(name, tensor);
    this.#inference.constant(name, tensor);
  }

  /** What is known of a value so far. */
  of(name: string): Known {
    return this.#inference.of(name);
  }
}

/** A list of whole numbers that are all known, such as a shape without names. */
function listOf({ type, shape, elements }: Known): Tensor | undefined {
  if (type !== "int64" && type !== "int32") return undefined;
  if (!shape?.every((dim) => typeof dim === "number")) return undefined;
  if (!elements?.every((element) => typeof element === "number" && Number.isInteger(element)))
    return undefined;
  if (elements.length !== shape.reduce((all, dim) => all * dim, 1)) return undefined;
  return tensorOf(type, shape, elements.map(Number));
}
