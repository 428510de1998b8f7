import type { Attribute, Dim, Graph, Node } from "../graph.js";
import { Names } from "../names.js";
import { inferShapes } from "../shapes/infer.js";
import { type DataType, int64, type Tensor } from "../tensor.js";

/** Collects the nodes and constants of a graph that is rewritten node by node. */
export class Emitter {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  readonly #graph: Graph;
  readonly #names: Names;
  readonly #read: Set<string>;
  #values: Graph["values"] | undefined;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.initializers = new Map(graph.initializers);
    const made = graph.nodes.flatMap(({ outputs }) => outputs);
    this.#names = new Names([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...made]);
    this.#read = new Set([
      ...graph.outputs.map(({ name }) => name),
      ...graph.nodes.flatMap((node) => node.inputs),
    ]);
  }

  /** Element type of a value of the graph as it was, where it is known. */
  type(name: string): DataType | undefined {
    return this.#info(name)?.type;
  }

  /** Shape of a value of the graph as it was, where it is known. */
  shape(name: string): readonly Dim[] | undefined {
    return this.#info(name)?.shape;
  }

  /** A constant of the graph as it was. */
  tensor(name: string): Tensor | undefined {
    return this.#graph.initializers.get(name);
  }

  /** Whether anything reads a value, or it is an output of the graph. */
  isRead(name: string | undefined): boolean {
    return name !== undefined && name !== "" && this.#read.has(name);
  }

  /** A name for a new value. */
  name(wanted: string): string {
    return this.#names.unique(wanted);
  }

  /** Adds a constant and returns its name. */
  constant(wanted: string, tensor: Tensor): string {
    const name = this.name(wanted);
    this.initializers.set(name, tensor);
    return name;
  }

  /** Adds a list of whole numbers and returns its name. */
  integers(wanted: string, values: readonly number[]): string {
    return this.constant(wanted, int64([values.length], values));
  }

  /** Adds a node in place of another, keeping what is not named here. */
  node(
    original: Node,
    change: Partial<Omit<Node, "attributes">> & { attributes?: ReadonlyMap<string, Attribute> },
  ): void {
    this.nodes.push({ ...original, ...change });
  }

  #info(name: string) {
    this.#values ??= inferShapes(this.#graph).values;
    return this.#values.get(name);
  }
}

/** Attributes without some of them. */
export function withoutAttributes(node: Node, ...names: readonly string[]): Map<string, Attribute> {
  return new Map([...node.attributes].filter(([name]) => !names.includes(name)));
}
