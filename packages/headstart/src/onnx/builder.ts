import { HeadstartError } from "../errors.js";
import { reads, renameNode } from "./captures.js";
import { normalDomain } from "./domain.js";
import type { Attribute, Dim, Graph, Node, ValueInfo } from "./graph.js";
import { type DataType, float32, int64, type Tensor } from "./tensor.js";

/** The version of ONNX's own operators that new graphs are written in. */
export const OPSET = 20;

/** An attribute as the builder takes it: a whole number, several, a string, a tensor, or {@link float}. */
export type AttributeValue = number | readonly number[] | string | Tensor | Attribute;

/** A floating-point attribute; a bare number would be an integer. */
export function float(value: number): Attribute {
  return { kind: "float", value };
}

/**
 * Writes a graph node by node. Values are their names: `node` returns the name of what it makes, to be handed to the next.
 *
 * @example
 * const b = new GraphBuilder("double");
 * const x = b.input("x", "float32", ["N", 3]);
 * b.output("y", "float32", ["N", 3], b.node("Add", [x, x]));
 * const graph = b.build();
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #nodes: Node[] = [];
  readonly #nodeNames = new Map<string, number>();
  readonly #initializers = new Map<string, Tensor>();
  readonly #values = new Map<string, ValueInfo>();
  readonly #opsets = new Map<string, number>([["", OPSET]]);
  readonly #metadata = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #scalars = new Map<string, string>();
  #source: Graph["source"];

  /** @param name - the graph's name, for people who look at the file */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * A builder that already holds a graph, to add nodes, outputs and inputs to it.
   *
   * @param graph - the graph to go on from; it is not changed
   */
  static from(graph: Graph): GraphBuilder {
    const builder = new GraphBuilder(graph.name);
    builder.#opsets.clear();
    builder.#adopt(graph);
    for (const input of graph.inputs) builder.#inputs.push(input);
    for (const output of graph.outputs) builder.#outputs.push(output);
    for (const [key, value] of graph.metadata) builder.#metadata.set(key, value);
    for (const { name } of [...graph.inputs, ...graph.outputs]) builder.#taken.add(name);
    builder.#source = graph.source;
    return builder;
  }

  /** Declares an input and returns its name. */
  input(name: string, type: DataType, shape: readonly Dim[]): string {
    this.#claim(name);
    this.#inputs.push({ name, type, shape });
    return name;
  }

  /** Adds a constant under a name of its own (made unique if it is taken) and returns that name. */
  constant(name: string, tensor: Tensor): string {
    const unique = this.unique(name);
    this.#initializers.set(unique, tensor);
    return unique;
  }

  /** A float32 scalar; equal ones are stored once. */
  scalar(value: number): string {
    return this.#shared(`scalar:${Object.is(value, -0) ? "-0" : value}`, "scalar", () =>
      float32([], [value]),
    );
  }

  /** A list of int64, such as a shape or axes; equal ones are stored once. */
  integers(values: readonly number[]): string {
    return this.#shared(`integers:${values.join()}`, "integers", () => int64([values.length], values));
  }

  /**
   * Adds a node with one output and returns that output's name.
   *
   * @param op - the operator, of ONNX's own set unless `options.domain` says otherwise
   * @param inputs - names of the values it reads; `""` for an optional one left out
   * @param attributes - its attributes
   * @param options - `name`: what to call the output (made unique if it is taken); `domain`: the operator set
   */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: { readonly name?: string; readonly domain?: string } = {},
  ): string {
    const output = this.unique(options.name ?? op);
    this.#push(op, inputs, [output], attributes, options.domain ?? "");
    return output;
  }

  /** As {@link node}, for an operator with `count` outputs; returns their names. */
  nodes(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: { readonly name?: string; readonly domain?: string } = {},
  ): string[] {
    const outputs = Array.from({ length: count }, (_, i) => this.unique(`${options.name ?? op}.${i}`));
    this.#push(op, inputs, outputs, attributes, options.domain ?? "");
    return outputs;
  }

  /** Adds a node of another graph as it is, with the names that it has; for rewriting a graph node by node. */
  copy(node: Node): void {
    for (const output of node.outputs) this.#taken.add(output);
    this.#add(node);
  }

  /**
   * Declares an output. With `value`, the output shows that value under the output's own name.
   *
   * @param name - the output's name
   * @param type - its element type
   * @param shape - its dimensions
   * @param value - the value it shows; by default the value that is called `name`
   */
  output(name: string, type: DataType, shape: readonly Dim[], value = name): void {
    if (value !== name) {
      this.#claim(name);
      this.#push("Identity", [value], [name], {}, "");
    }
    this.#outputs.push({ name, type, shape });
  }

  /** Removes every output, so that another set can be declared. */
  clearOutputs(): void {
    this.#outputs.length = 0;
  }

  /**
   * Puts another graph's nodes and constants into this one, with `bindings` in place of its inputs. Its names get a prefix where they are taken.
   *
   * @param graph - the graph to put in
   * @param bindings - for every input of `graph`, the value of this graph that takes its place
   * @returns for every output of `graph`, the name it has here
   * @throws HeadstartError `INVALID_MODEL` if an input has no binding, or operator sets differ; `UNSUPPORTED` if the graph needs parts of
   *   its file that only the file itself can hold: functions, sparse tensors, constants of other element types
   */
  include(graph: Graph, bindings: Readonly<Record<string, string>>): Map<string, string> {
    refuseForeign(graph);
    const names = new Map<string, string>([["", ""]]);
    for (const { name } of graph.inputs) {
      const bound = Object.hasOwn(bindings, name) ? bindings[name] : undefined;
      if (bound === undefined)
        throw new HeadstartError("INVALID_MODEL", `Graph ${graph.name} has no value for its input ${name}.`);
      names.set(name, bound);
    }
    const rename = (name: string): string => {
      const known = names.get(name);
      if (known !== undefined) return known;
      const unique = this.unique(name);
      names.set(name, unique);
      return unique;
    };
    this.#adopt(graph, rename);
    return new Map(graph.outputs.map(({ name }) => [name, rename(name)]));
  }

  /** Sets a metadata property of the model. */
  metadata(key: string, value: string): void {
    this.#metadata.set(key, value);
  }

  /** A name that nothing in the graph has yet: `wanted` itself, or with a number behind it. */
  unique(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) {
      const count = (this.#counts.get(wanted) ?? 0) + 1;
      this.#counts.set(wanted, count);
      name = `${wanted}_${count}`;
    }
    this.#taken.add(name);
    return name;
  }

  /** The graph as it stands now. */
  build(): Graph {
    return {
      name: this.#name,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      nodes: [...this.#nodes],
      initializers: new Map(this.#initializers),
      values: new Map(this.#values),
      opsets: new Map(this.#opsets),
      metadata: new Map(this.#metadata),
      ...(this.#source === undefined ? {} : { source: this.#source }),
    };
  }

  #adopt(graph: Graph, rename = (name: string) => this.#keep(name)): void {
    for (const [domain, version] of graph.opsets) {
      const known = this.#opsets.get(domain);
      if (known !== undefined && known !== version)
        throw new HeadstartError(
          "INVALID_MODEL",
          `Graph ${graph.name} uses version ${version} of the operators ${domain || "ai.onnx"}, not ${known}.`,
        );
      this.#opsets.set(domain, version);
    }
    for (const [name, tensor] of graph.initializers) this.#initializers.set(rename(name), tensor);
    for (const node of graph.nodes) this.#add(renameNode(node, rename));
    for (const [name, value] of graph.values) {
      const renamed = rename(name);
      if (!this.#values.has(renamed)) this.#values.set(renamed, { ...value, name: renamed });
    }
  }

  #keep(name: string): string {
    this.#taken.add(name);
    return name;
  }

  #claim(name: string): void {
    if (this.#taken.has(name))
      throw new HeadstartError("INVALID_MODEL", `The graph ${this.#name} already has a value ${name}.`);
    this.#taken.add(name);
  }

  #push(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    domain: string,
  ): void {
    if (domain !== "" && !this.#opsets.has(domain)) this.#opsets.set(domain, 1);
    this.#add({
      op,
      domain,
      name: outputs[0] ?? op,
      inputs,
      outputs,
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)])),
    });
  }

  /** Adds a node, under another name if a node has its name already, which ONNX Runtime refuses. */
  #add(node: Node): void {
    let name = node.name;
    for (let count = this.#nodeNames.get(name) ?? 0; name !== "" && this.#nodeNames.has(name); ) {
      count++;
      this.#nodeNames.set(node.name, count);
      name = `${node.name}_${count}`;
    }
    this.#nodeNames.set(name, 0);
    this.#nodes.push({ ...node, name });
  }

  #shared(key: string, name: string, make: () => Tensor): string {
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const made = this.constant(name, make());
    this.#scalars.set(key, made);
    return made;
  }
}

/** Refuses a graph that reads what stands only in the messages of its own file. */
function refuseForeign({ name, nodes, source }: Graph): void {
  if (source === undefined) return;
  const { model, graph } = source;
  const functions = new Set(model.functions.map((one) => `${normalDomain(one.domain)}.${one.name}`));
  const constants = new Set(
    [...graph.initializer, ...graph.sparseInitializer.flatMap(({ values }) => values ?? [])].map(
      (one) => one.name,
    ),
  );
  for (const node of nodes) {
    const needs = functions.has(`${node.domain}.${node.op}`)
      ? `the function ${node.op}`
      : reads(node).find((read) => constants.has(read));
    if (needs !== undefined)
      throw new HeadstartError(
        "UNSUPPORTED",
        `The graph ${name} cannot be put into another: its node ${node.name} needs ${needs}, which only its own file can hold.`,
        "Export the model without functions, sparse tensors and constants of unusual types.",
      );
  }
}

function toAttribute(value: AttributeValue): Attribute {
  if (typeof value === "number") return { kind: "int", value };
  if (typeof value === "string") return { kind: "string", value };
  if (isInts(value)) return { kind: "ints", value };
  return "kind" in value ? value : { kind: "tensor", value };
}

function isInts(value: AttributeValue): value is readonly number[] {
  return Array.isArray(value);
}
