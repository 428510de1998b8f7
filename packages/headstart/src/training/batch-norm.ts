import { HeadstartError } from "../errors.js";
import {
  elementTypeCode,
  float,
  floatAttribute,
  type Graph,
  GraphBuilder,
  type Node,
  type Tensor,
} from "../onnx/index.js";

/** A normalisation by batch, and where its running statistics are. */
export interface Statistic {
  /** Name of the node. */
  readonly node: string;
  /** Name of the constant with the running means, one for each channel. */
  readonly mean: string;
  /** Name of the constant with the running variances. */
  readonly variance: string;
}

/** A running mean or variance, which a step takes as `NAME` and gives as `NAME.next`. */
export interface CarriedStatistic {
  readonly name: string;
  readonly shape: readonly number[];
  /** What it starts from. */
  readonly value: Tensor;
}

/** A graph whose normalisations use their batch, and the statistics that it carries from step to step. */
export interface TrainedNormalisation {
  /** As the given graph, with one more input `NAME` and one more output `NAME.next` for each running mean and variance. */
  readonly graph: Graph;
  readonly statistics: readonly CarriedStatistic[];
}

/**
 * Lets normalisations use the mean and variance of the batch (Ioffe and Szegedy, Batch normalization, 2015), and move their running
 * statistics towards them: next = m old + (1 - m) of the batch. m is the node's attribute `momentum`, 0.9 where it has none; PyTorch calls
 * 1 - m = 0.1 the momentum.
 *
 * As in PyTorch, the running variance moves towards n / (n - 1) times the variance of the n numbers that a channel has in the batch. ONNX
 * leaves that factor out, so the nodes only tell the batch's own figures here, and the rest follows behind them. Where n is 1 (one photo, and
 * one place in a channel), the factor is 1: the batch's variance is 0, and what comes out is the bias. PyTorch refuses such a batch.
 *
 * Running statistics are no parameters: they have no gradient, no optimiser and no mean over the steps, and are shipped as they are.
 *
 * @param graph - a graph whose normalisations are in inference form
 * @param statistics - the nodes to change. Statistics that two nodes share move twice a step
 * @throws HeadstartError `INVALID_MODEL` if the graph has no such normalisation, or its statistics are no constants
 */
export function trainNormalisation(graph: Graph, statistics: readonly Statistic[]): TrainedNormalisation {
  const moving = new Set(statistics.flatMap(({ mean, variance }) => [mean, variance]));
  const carried = [...moving].map((name): CarriedStatistic => {
    const value = graph.initializers.get(name);
    if (value?.type !== "float32")
      throw new HeadstartError("INVALID_MODEL", `The running statistic ${name} is no float32 constant.`);
    return { name, shape: value.dims, value };
  });
  const open: Graph = {
    ...graph,
    inputs: [
      ...graph.inputs,
      ...carried.map(({ name, shape }) => ({ name, type: "float32" as const, shape })),
    ],
    initializers: new Map([...graph.initializers].filter(([name]) => !moving.has(name))),
  };
  const names = GraphBuilder.from(open);
  const told = new Map<string, string>();
  const changed = inOrder(graph, statistics).map(([node, statistic]) => {
    const made = inTraining(node, statistic, told, names);
    told.set(statistic.mean, made.mean).set(statistic.variance, made.variance);
    return made;
  });
  const replaced = new Map(changed.map(({ original, nodes }) => [original, nodes]));
  const b = GraphBuilder.from({ ...open, nodes: open.nodes.flatMap((node) => replaced.get(node) ?? [node]) });
  /** The newest value of each statistic. */
  const newest = new Map<string, string>();
  for (const { original, statistic, mean, variance } of changed) {
    const momentum = floatAttribute(original, "momentum", 0.9);
    const move = (name: string, batch: string): void => {
      const kept = b.node("Mul", [newest.get(name) ?? name, b.scalar(momentum)]);
      newest.set(name, b.node("Add", [kept, b.node("Mul", [batch, b.scalar(1 - momentum)])]));
    };
    move(statistic.mean, mean);
    move(statistic.variance, b.node("Mul", [variance, sampleFactor(b, original.inputs[0] ?? "", mean)]));
  }
  for (const { name, shape } of carried) b.output(`${name}.next`, "float32", shape, newest.get(name));
  return { graph: b.build(), statistics: carried };
}

/** A normalisation that uses its batch, and the values that tell the batch's mean and variance. */
interface Changed {
  readonly original: Node;
  readonly statistic: Statistic;
  readonly nodes: readonly Node[];
  readonly mean: string;
  readonly variance: string;
}

/**
 * The node in training form. With a momentum of 0 it tells the batch's figures themselves. ONNX Runtime writes them over the running
 * statistics that it is given, so these are values made for that, not what is carried: x - x. ONNX Runtime makes equal values only once, so
 * where nodes share statistics, x is what the one before has `told`.
 */
function inTraining(
  original: Node,
  statistic: Statistic,
  told: ReadonlyMap<string, string>,
  names: GraphBuilder,
): Changed {
  const { source: _, ...rest } = original;
  const unique = (what: string) => names.unique(`${original.outputs[0]}.${what}`);
  const room = [statistic.mean, statistic.variance].map((given): Node => {
    const x = told.get(given) ?? given;
    const name = unique("room");
    return { op: "Sub", domain: "", name, inputs: [x, x], outputs: [name], attributes: new Map() };
  });
  const [mean, variance] = [unique("mean"), unique("variance")];
  const node: Node = {
    ...rest,
    inputs: [...original.inputs.slice(0, 3), ...room.flatMap(({ outputs }) => outputs)],
    outputs: [...original.outputs.slice(0, 1), mean, variance],
    attributes: new Map([
      ...original.attributes,
      ["training_mode", { kind: "int", value: 1 } as const],
      ["momentum", float(0)],
    ]),
  };
  return { original, statistic, nodes: [...room, node], mean, variance };
}

/** n / max(n - 1, 1), where n is how many numbers of x there are for each channel. */
function sampleFactor(b: GraphBuilder, x: string, channels: string): string {
  const size = (value: string) =>
    b.node("Cast", [b.node("Size", [value])], { to: elementTypeCode("float32") });
  const n = b.node("Div", [size(x), size(channels)]);
  const others = b.node("Max", [b.node("Sub", [n, b.scalar(1)]), b.scalar(1)]);
  return b.node("Div", [n, others]);
}

/** The nodes of the statistics, in the graph's order. */
function inOrder(graph: Graph, statistics: readonly Statistic[]): (readonly [Node, Statistic])[] {
  const places = new Map(graph.nodes.map((node, place) => [node.name, place]));
  return statistics
    .toSorted((one, other) => (places.get(one.node) ?? 0) - (places.get(other.node) ?? 0))
    .map((statistic) => [nodeOf(graph, statistic), statistic]);
}

function nodeOf(graph: Graph, { node, mean, variance }: Statistic): Node {
  const found = graph.nodes.find(({ op, domain, name, inputs }) => {
    const isNormalisation = op === "BatchNormalization" && domain === "";
    return isNormalisation && name === node && inputs[3] === mean && inputs[4] === variance;
  });
  if (found === undefined || found.outputs.length > 1)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The graph ${graph.name} has no normalisation ${node} in inference form with the running statistics ${mean} and ${variance}.`,
    );
  return found;
}
