import { HeadstartError } from "../errors.js";
import { renameNode } from "../onnx/captures.js";
import {
  elementBytes,
  elementTypeCode,
  type Graph,
  GraphBuilder,
  intAttribute,
  type Node,
  reads,
} from "../onnx/index.js";
import { type Candidate, cheapestCuts } from "./cheapest-cuts.js";
import { type Differentiated, differentiate } from "./differentiate.js";
import { type KnownValues, knownValues } from "./known-values.js";

/** Operators that make other numbers each time. */
const RANDOM = new Set([
  "Bernoulli",
  "Dropout",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/** Operators that only look at shapes, which may be known before the graph runs. */
const LOOKING = new Set(["Shape", "Size"]);

/**
 * As {@link differentiate}, with activations that are computed a second time in the backward pass instead of being kept for it (Chen et al.,
 * Training deep nets with sublinear memory cost, 2016). The gradients are the same up to rounding; a step takes longer, by less than one more forward pass.
 *
 * Some values of the forward pass are kept. They divide the graph into segments, and whatever the backward pass reads of a segment, except
 * the last, is computed again from the value that the segment starts from. That has to happen late, but ONNX Runtime runs a node whenever it
 * likes once its inputs are there, and joins nodes that compute the same. So the second computation starts from an alias of the kept
 * value: a `Reshape` that changes nothing and copies nothing, whose list of zeros ("as it is") is computed from the gradient that arrives at
 * the segment's end. No node behind it can run before that gradient is there, and none equals its original.
 *
 * @param graph - as for {@link differentiate}
 * @param loss - as for {@link differentiate}
 * @param of - as for {@link differentiate}
 * @param candidates - values that may be kept, each dependent on the one before: best those between the blocks of a network, which every
 * path goes through, and its input first. Of these, the ones are kept that need the least memory. What comes before the first is not
 * computed again
 * @returns as {@link differentiate}
 * @throws HeadstartError as {@link differentiate}; `INVALID_OPTION` if a candidate does not depend on the one before
 *
 * @example
 * differentiateRecomputing(network, "loss", weights, ["image", "block1", "block2", "block3"])
 */
export function differentiateRecomputing(
  graph: Graph,
  loss: string,
  of: readonly string[],
  candidates: readonly string[],
): Differentiated {
  segmentsOf(graph, candidates);
  const wanted = trained(graph, of, candidates);
  const { graph: whole, gradients } = differentiate(graph, loss, [...of, ...wanted.slice(1)]);
  const chain = late(graph, whole, wanted, gradients);
  const segments = segmentsOf(graph, chain);
  const known = knownValues(graph);
  const cuts = cheapestCuts(costs(graph, whole, chain, segments, known)).flatMap(
    (place) => chain[place] ?? [],
  );
  const second = new SecondPass(graph, whole, cuts, gradients, known);
  return { graph: second.build(), gradients: new Map([...gradients].filter(([name]) => of.includes(name))) };
}

/** The candidates that gradients arrive at, and one before them to start from. */
function trained(graph: Graph, of: readonly string[], candidates: readonly string[]): readonly string[] {
  const behind = new Set(of);
  for (const node of graph.nodes)
    if (reads(node).some((name) => behind.has(name))) for (const name of node.outputs) behind.add(name);
  const first = candidates.findIndex((value) => behind.has(value));
  return first < 0 ? [] : candidates.slice(Math.max(0, first - 1));
}

/**
 * The first candidate, and those whose gradients depend on what is computed behind them. Those of the loss itself and of a mean before it do not:
 * they are there from the start, and nothing can wait for them.
 */
function late(
  graph: Graph,
  whole: Graph,
  chain: readonly string[],
  gradients: ReadonlyMap<string, string>,
): readonly string[] {
  const segments = segmentsOf(graph, chain);
  const makers = makersOf(whole.nodes);
  return chain.filter((cut, place) => {
    const before = ancestors(gradients.get(cut) ?? "", makers, (node) => !LOOKING.has(node.op));
    const isBehind = (name: string) => (segments.get(name) ?? -1) >= place;
    return place === 0 || [...before].some((node) => reads(node).some(isBehind));
  });
}

/**
 * The segment that each value lies in: the place of the last cut that it depends on or is. Values that depend on no cut are left out.
 *
 * @throws HeadstartError `INVALID_OPTION` if a cut does not depend on the one before
 */
function segmentsOf(graph: Graph, cuts: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map(cuts.map((cut, place) => [cut, place]));
  const segments = new Map(cuts.slice(0, 1).map((cut) => [cut, 0]));
  for (const node of graph.nodes) {
    const segment = Math.max(-1, ...reads(node).map((name) => segments.get(name) ?? -1));
    for (const name of node.outputs) {
      const place = places.get(name);
      if (place === segment + 1) segments.set(name, place);
      else if (segment >= 0 && name !== "") segments.set(name, segment);
    }
  }
  for (const [place, cut] of cuts.entries())
    if (segments.get(cut) !== place)
      throw new HeadstartError(
        "INVALID_OPTION",
        `Activations cannot be recomputed from ${cut}: it does not depend on ${cuts[place - 1]}, or not directly.`,
        "Name values that lie one behind another on the way to the loss, in that order.",
      );
  return segments;
}

/** What each candidate takes, and what the backward pass reads behind it. Sizes that are not known count as 1. */
function costs(
  graph: Graph,
  whole: Graph,
  chain: readonly string[],
  segments: ReadonlyMap<string, number>,
  known: KnownValues,
): Candidate[] {
  const bytes = (value: string): number => {
    if (!known.isFloat(value)) return 0;
    const sizes = (known.shape(value) ?? []).map((dim) => (typeof dim === "number" ? dim : 1));
    return sizes.reduce((product, size) => product * size, elementBytes(known.type(value)));
  };
  const kept = chain.map(() => 0);
  const read = new Set(backwardNodes(graph, whole).flatMap(reads));
  const cuts = new Set(chain);
  for (const value of read) {
    const segment = segments.get(value);
    if (segment !== undefined && !cuts.has(value)) kept[segment] = (kept[segment] ?? 0) + bytes(value);
  }
  return chain.map((value, place) => {
    const size = bytes(value);
    return { size, again: read.has(value) ? size : 0, kept: kept[place] ?? 0 };
  });
}

/** The nodes that compute gradients. */
function backwardNodes(graph: Graph, whole: Graph): readonly Node[] {
  const forward = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  return whole.nodes.filter(({ outputs }) => !outputs.some((name) => forward.has(name)));
}

/** Writes a differentiated graph anew, with a backward pass that computes activations again. */
class SecondPass {
  readonly #whole: Graph;
  readonly #backward: readonly Node[];
  readonly #cuts: readonly string[];
  readonly #gradients: ReadonlyMap<string, string>;
  readonly #known: KnownValues;
  readonly #segments: ReadonlyMap<string, number>;
  readonly #makers: ReadonlyMap<string, Node>;
  readonly #b: GraphBuilder;
  /** What starts each segment's second computation. */
  readonly #starts = new Map<number, string>();
  /** The second names of values. */
  readonly #names = new Map<string, string>();
  /** The nodes of second computations, by what they make. */
  readonly #copies = new Map<string, Node>();

  constructor(
    graph: Graph,
    whole: Graph,
    cuts: readonly string[],
    gradients: ReadonlyMap<string, string>,
    known: KnownValues,
  ) {
    this.#whole = whole;
    this.#backward = backwardNodes(graph, whole);
    this.#cuts = cuts;
    this.#gradients = gradients;
    this.#known = known;
    this.#segments = segmentsOf(graph, cuts);
    this.#makers = makersOf(whole.nodes);
    this.#b = GraphBuilder.from(whole);
  }

  build(): Graph {
    const rewired = new Map<Node, Node>();
    const early = this.#cuts.slice(1).map((cut) => ancestors(this.#gradientOf(cut), this.#makers));
    for (const node of this.#backward)
      rewired.set(
        node,
        renameNode(node, (name) => {
          const segment = this.#segments.get(name) ?? this.#cuts.length;
          // What the arriving gradient itself needs cannot wait for it.
          return segment >= early.length || early[segment]?.has(node) ? name : this.#again(name);
        }),
      );
    const built = this.#b.build();
    const nodes = built.nodes.map((node, place) => {
      const original = this.#whole.nodes[place];
      return (original && rewired.get(original)) ?? node;
    });
    return { ...built, nodes: inOrder([...nodes, ...new Set(this.#copies.values())]) };
  }

  /** The name of a value's second computation, or its own, if it is not computed again. */
  #again(value: string): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const node = this.#makers.get(value);
    const segment = this.#segments.get(value);
    if (node === undefined || segment === undefined || this.#cuts[segment] === value || isRandom(node))
      return value;
    for (const output of node.outputs)
      if (output !== "") this.#names.set(output, this.#b.unique(`${output}.again`));
    const made = new Set(node.outputs);
    const copy = renameNode(node, (name) => {
      if (made.has(name)) return this.#names.get(name) ?? name;
      if (this.#segments.get(name) !== segment) return name;
      return name === this.#cuts[segment] ? this.#start(segment) : this.#again(name);
    });
    const renamed = { ...withoutUpdate(copy), name: this.#names.get(value) ?? value };
    for (const output of renamed.outputs) this.#copies.set(output, renamed);
    return this.#names.get(value) ?? value;
  }

  /** An alias of a segment's first value that is there no sooner than the gradient of its last. */
  #start(segment: number): string {
    const known = this.#starts.get(segment);
    if (known !== undefined) return known;
    const b = this.#b;
    const cut = this.#cuts[segment] ?? "";
    const flat = b.node("Reshape", [this.#gradientOf(this.#cuts[segment + 1]), b.integers([-1])]);
    // Any number of the gradient will do: it is made 0. Its shape would not do, for where that is known, ONNX Runtime waits for no gradient.
    const number = b.node("Slice", [flat, b.integers([0]), b.integers([1])]);
    const whole = b.node("Cast", [number], { to: elementTypeCode("int64") });
    const zeros = b.integers(Array<number>(this.#known.rank(cut)).fill(0));
    const alias = b.node("Reshape", [cut, b.node("Mul", [whole, zeros])], {}, { name: `${cut}.again` });
    this.#starts.set(segment, alias);
    return alias;
  }

  #gradientOf(cut = ""): string {
    return this.#gradients.get(cut) ?? "";
  }
}

/** The nodes that a value is made by, directly or not; those that do not count, and what only they read, are left out. */
function ancestors(
  value: string,
  makers: ReadonlyMap<string, Node>,
  counts: (node: Node) => boolean = () => true,
): ReadonlySet<Node> {
  const found = new Set<Node>();
  const names = [value];
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const node = makers.get(name);
    if (node === undefined || found.has(node) || !counts(node)) continue;
    found.add(node);
    names.push(...reads(node));
  }
  return found;
}

function isRandom({ op, domain, inputs }: Node): boolean {
  return domain === "" && RANDOM.has(op) && (op !== "Dropout" || inputs.length > 2);
}

/**
 * A normalisation by batch, computed again, leaves the running statistics as they are. They are outputs which ONNX Runtime writes over the
 * inputs, and the first computation has moved them already.
 */
function withoutUpdate(node: Node): Node {
  if (node.op !== "BatchNormalization" || intAttribute(node, "training_mode", 0) === 0) return node;
  return { ...node, attributes: new Map([...node.attributes, ["momentum", { kind: "float", value: 1 }]]) };
}

function makersOf(nodes: readonly Node[]): Map<string, Node> {
  return new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
}

/** Nodes in their order, but those that a node needs before it. */
function inOrder(nodes: readonly Node[]): Node[] {
  const makers = makersOf(nodes);
  const sorted = new Set<Node>();
  const open = [...nodes].reverse();
  for (let node = open.at(-1); node !== undefined; node = open.at(-1)) {
    const missing = reads(node).flatMap((name) => {
      const maker = makers.get(name);
      return maker === undefined || sorted.has(maker) ? [] : [maker];
    });
    if (missing.length > 0 && !sorted.has(node)) {
      open.push(...missing.reverse());
      continue;
    }
    open.pop();
    sorted.add(node);
  }
  return [...sorted];
}
