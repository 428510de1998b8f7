import { type Differentiated, differentiate, differentiateRecomputing } from "../autodiff/index.js";
import { segmentsBetween } from "../backbones/fine-tuning/articulation.js";
import { looksAtShape } from "../backbones/fine-tuning/stages.js";
import { HeadstartError } from "../errors.js";
import { type Graph, GraphBuilder, merge, prune } from "../onnx/index.js";
import { addHead, HEAD_PARAMETERS, type HeadParameter, headShapes } from "./head.js";
import { addCrossEntropy } from "./losses.js";
import type { Optimiser } from "./optimisers.js";
import { type BatchNorm, type Tail, tailInEvaluation, tailInStep } from "./tail.js";
import {
  addUpdates,
  declareUpdate,
  meanTensors,
  type ParameterTensor,
  type PlacedParameter,
  type StepTensor,
  slotTensors,
  type UpdateOptions,
} from "./update.js";

export type { Tail } from "./tail.js";
export type { StepTensor } from "./update.js";

/** What a step graph is composed of. */
export interface StepOptions {
  /**
   * The frozen part: any graph with an output `features` `[N, D]` or, where there is a tail, `activations`. Without it the step reads
   * features or activations.
   */
  readonly front?: Graph | undefined;
  /** The part of the backbone that trains with the head; nothing by default. */
  readonly tail?: Tail | undefined;
  /** D, the number of features. */
  readonly featureCount: number;
  /** C, the number of classes. */
  readonly classes: number;
  readonly optimiser: Optimiser;
  /**
   * How much slower each stage of the backbone learns than the stage behind it: a parameter at depth d has `learning_rate * layerDecay^(d + 1)`,
   * the head `learning_rate`. 1 by default.
   */
  readonly layerDecay?: number | undefined;
  /** Part of the features that is dropped at random; 0 leaves `dropout_mask` out. */
  readonly dropout: number;
  /** What normalisations by batch in the tail use; `frozen` by default. */
  readonly batchNorm?: BatchNorm | undefined;
  /** As `addCrossEntropy` has it. */
  readonly labelSmoothing: number;
  /** As `addCrossEntropy` has it. */
  readonly classWeights?: readonly number[] | undefined;
  /** Whether photos are mixed in pairs, so that the loss reads `partner` and `share`; false by default. */
  readonly mix?: boolean | undefined;
  /** The longest that all gradients together may be, as `addClipping` has it; `null`, the default, for any length. */
  readonly clipNorm?: number | null | undefined;
  /** Whether a running mean of each parameter is kept; false by default. */
  readonly ema?: boolean | undefined;
  /** Batches whose gradients are added up before the parameters move; 1 by default. */
  readonly accumulate?: number | undefined;
  /** Computes activations of the tail a second time instead of keeping them, as `differentiateRecomputing` does; false by default. */
  readonly checkpointActivations?: boolean | undefined;
}

/** One training step as one graph, or two where gradients are added up, and what it carries from step to step. */
export interface Step {
  /** From a batch to new parameters; where gradients are added up, to new accumulators. */
  readonly graph: Graph;
  /** From the accumulators to new parameters; undefined unless gradients are added up. */
  readonly update: Graph | undefined;
  /** The trainable parameters: those of the tail, then those of the head. */
  readonly parameters: readonly PlacedParameter[];
  /** The optimiser's memory, which starts as zeros. */
  readonly slots: readonly ParameterTensor[];
  /** Running means of the parameters, `ema.NAME`, which start as the parameters; empty unless they are kept. */
  readonly means: readonly ParameterTensor[];
  /**
   * Running means and variances of normalisations by batch, which go into `graph` and out of it with every batch and have no slots and no means;
   * empty unless those use the batch.
   */
  readonly statistics: readonly StepTensor[];
  /** All that goes from one update to the next: parameters, slots and means and, where every batch is an update, statistics. */
  readonly carried: readonly StepTensor[];
  /** Gradients added up so far, `gradient.NAME`, of any finite numbers at first; empty unless they are added up. */
  readonly accumulators: readonly ParameterTensor[];
}

/**
 * Composes one training step: front, tail, head, loss, gradients, clipping, optimiser and running means. The tail and the head are
 * differentiated; the front is frozen.
 *
 * Inputs of the graph: those of the front, or `features` float `[N, D]`, or `activations` as the tail declares it; `label` int64 `[N]`; with mixing,
 * `partner` int64 `[N]` (the same one that the front reads, if it does) and `share` float `[N]`; with dropout, `dropout_mask` float `[N, D]`;
 * every parameter, slot and mean; `learning_rate` and `step` (counted from 1) and, with means, `ema_decay` (see `emaDecayAt`), float scalars.
 * Outputs: `NAME.next` for every parameter, slot and mean, `loss` (mean over the batch) and `correct` (number of photos answered right) and,
 * with clipping, `gradient_norm` (before clipping), float scalars. Loss and correct are of the parameters as they were before the step.
 *
 * Where gradients of several batches are added up, the graph reads and makes no slots, means and parameters, but for each parameter the
 * accumulator `gradient.NAME`: `gradient.NAME.next = keep * gradient.NAME + batch_share * gradient`, with the float scalar inputs `keep` (0 in
 * the first batch of a group, then 1) and `batch_share` (see `batchShares`). What is left, from the accumulators on, is the graph `update`:
 * inputs parameters, slots, means, accumulators, `learning_rate`, `step` (which update it is) and `ema_decay`; outputs their `NAME.next` and
 * `gradient_norm`. The parameters after a group of batches are those after one batch of all its photos.
 *
 * Where normalisations by batch use the batch, the graph also has every running statistic as an input `NAME` and an output `NAME.next`. They are
 * those of each batch, so that batches that are added up then differ from one batch of all their photos.
 *
 * Weight decay, clipping and rates are as `addUpdates` has them.
 *
 * @throws HeadstartError `INVALID_MODEL` if front or tail lack their output, one of their inputs is called as one of the step's, or the
 * loss does not depend on a parameter; `UNSUPPORTED` if the tail has operators without a gradient rule
 */
export function composeStep(options: StepOptions): Step {
  const { front, tail, accumulate = 1, batchNorm = "frozen" } = options;
  const update: UpdateOptions = { ...options, parameters: parametersOf(options) };
  const accumulators = accumulate > 1 ? accumulatorsOf(update.parameters) : [];
  const { graph: network, statistics } = tail
    ? tailInStep(tail, batchNorm)
    : { graph: undefined, statistics: [] };
  const moved = statistics.map(({ name }) => `${name}.next`);
  const forward = behindTail(network, composeLoss(options, update, accumulators), moved);
  const { graph: differentiated, gradients } = gradientsOf(forward, update.parameters, options);
  const gradientOf = (parameter: string) => gradients.get(parameter) ?? "";
  const b = GraphBuilder.from(differentiated);
  b.clearOutputs();
  const latest = latestFirst(update.parameters, differentiated, gradientOf);
  if (accumulate > 1) addAccumulation(b, latest, gradientOf);
  else addUpdates(b, { ...update, parameters: latest }, gradientOf);
  for (const { name, shape } of statistics) b.output(`${name}.next`, "float32", shape);
  b.output("loss", "float32", []);
  b.output("correct", "float32", []);
  const [slots, means] = [slotTensors(update), meanTensors(update)];
  return {
    graph: behindFront(front, inOrder(prune(b.build(), undefined, { keepInputs: true }), moved), tail),
    update: accumulate > 1 ? composeUpdate(update, accumulators) : undefined,
    parameters: update.parameters,
    slots,
    means,
    statistics: statistics.map(({ name, shape }) => ({ name, shape })),
    carried: [...update.parameters, ...slots, ...means, ...(accumulate > 1 ? [] : statistics)],
    accumulators,
  };
}

/** What an evaluation graph is composed of; as {@link StepOptions} has it. */
export type EvaluationOptions = Pick<
  StepOptions,
  "front" | "tail" | "batchNorm" | "featureCount" | "classes"
>;

/**
 * Composes what measures a head, and a tail where there is one. Inputs: those of the front, or `features` float `[N, D]`, or `activations` as
 * the tail declares it; `label` int64 `[N]`, the parameters and, unless they are frozen, the running statistics. Outputs: `logits`
 * float `[N, C]`, `loss` (mean cross-entropy over the batch, with no smoothing and no weights) and `correct` (number of photos answered right),
 * float scalars.
 *
 * @throws HeadstartError `INVALID_MODEL` if front or tail lack their output, or one of their inputs is called as one of the evaluation's
 */
export function composeEvaluation({
  front,
  tail,
  batchNorm = "frozen",
  featureCount,
  classes,
}: EvaluationOptions): Graph {
  const b = new GraphBuilder("evaluation");
  const { features, label, weight, bias } = addInputs(b, featureCount, classes);
  const { logits } = addHead(b, { features, weight, bias });
  const { loss, correct } = addCrossEntropy(b, { logits, label, classes });
  b.output("logits", "float32", ["N", classes], logits);
  b.output("loss", "float32", [], loss);
  b.output("correct", "float32", [], correct);
  const network = tail && tailInEvaluation(tail, batchNorm);
  return behindFront(front, behindTail(network, b.build()), tail);
}

/** Features, label and parameters to `loss` and `correct`, with the inputs of all that is added later. */
function composeLoss(
  { featureCount, classes, dropout, labelSmoothing, classWeights, mix = false }: StepOptions,
  update: UpdateOptions,
  accumulators: readonly ParameterTensor[],
): Graph {
  const b = new GraphBuilder("step");
  const { features, label, weight, bias } = addInputs(b, featureCount, classes);
  const { logits } = addHead(b, {
    features,
    weight,
    bias,
    ...(dropout > 0 && { dropoutMask: b.input("dropout_mask", "float32", ["N", featureCount]) }),
  });
  const { loss, correct } = addCrossEntropy(b, {
    logits,
    label,
    classes,
    labelSmoothing,
    classWeights,
    ...(mix && {
      mix: { partner: b.input("partner", "int64", ["N"]), share: b.input("share", "float32", ["N"]) },
    }),
  });
  if (accumulators.length === 0) declareUpdate(b, update);
  else {
    for (const { name, shape } of accumulators) b.input(name, "float32", shape);
    b.input("keep", "float32", []);
    b.input("batch_share", "float32", []);
  }
  b.output("loss", "float32", [], loss);
  b.output("correct", "float32", [], correct);
  return b.build();
}

function addInputs(b: GraphBuilder, featureCount: number, classes: number) {
  const features = b.input("features", "float32", ["N", featureCount]);
  const label = b.input("label", "int64", ["N"]);
  const shapes = headShapes(featureCount, classes);
  const parameter = (name: HeadParameter) => b.input(name, "float32", shapes[name]);
  return { features, label, weight: parameter("head.weight"), bias: parameter("head.bias") };
}

/** From the accumulated gradients to new parameters. */
function composeUpdate(options: UpdateOptions, accumulators: readonly ParameterTensor[]): Graph {
  const b = new GraphBuilder("update");
  for (const { name, shape } of [...options.parameters, ...accumulators]) b.input(name, "float32", shape);
  declareUpdate(b, options);
  addUpdates(b, options, accumulatorOf);
  return prune(b.build(), undefined, { keepInputs: true });
}

function addAccumulation(
  b: GraphBuilder,
  parameters: readonly StepTensor[],
  gradientOf: (parameter: string) => string,
): void {
  for (const { name, shape } of parameters) {
    const accumulator = accumulatorOf(name);
    const kept = b.node("Mul", [accumulator, "keep"]);
    const added = b.node("Mul", [gradientOf(name), "batch_share"]);
    b.output(`${accumulator}.next`, "float32", shape, b.node("Add", [kept, added]));
  }
}

function accumulatorOf(parameter: string): string {
  return `gradient.${parameter}`;
}

function accumulatorsOf(parameters: readonly StepTensor[]): ParameterTensor[] {
  return parameters.map(({ name, shape }) => ({ name: accumulatorOf(name), shape, parameter: name }));
}

function parametersOf({ tail, featureCount, classes }: StepOptions): PlacedParameter[] {
  const shapes = headShapes(featureCount, classes);
  const head = HEAD_PARAMETERS.map((name) => ({ name, shape: shapes[name], depth: -1 }));
  const own = (tail?.parameters ?? []).map(({ name, shape, depth }) => ({ name, shape, depth }));
  return [...own, ...head];
}

function behindTail(tail: Graph | undefined, graph: Graph, keep: readonly string[] = []): Graph {
  return tail === undefined ? graph : merge(tail, graph, { features: "features" }, { keep });
}

/** Puts the front before a graph. What both read under the same name, they share: `partner`, by which photos and labels are mixed. */
function behindFront(front: Graph | undefined, graph: Graph, tail: Tail | undefined): Graph {
  if (front === undefined) return graph;
  const boundary = tail === undefined ? "features" : "activations";
  const reads = ({ inputs }: Graph) => inputs.some(({ name }) => name === "partner");
  const shared = reads(front) && reads(graph);
  return merge(front, graph, { [boundary]: boundary, ...(shared && { partner: "partner" }) });
}

/** Parameters in the order in which the graph makes their gradients, the last first, as `addUpdates` wants them. */
function latestFirst(
  parameters: readonly PlacedParameter[],
  { nodes }: Graph,
  gradientOf: (parameter: string) => string,
): PlacedParameter[] {
  const places = new Map(nodes.flatMap(({ outputs }, place) => outputs.map((name) => [name, place])));
  const place = ({ name }: PlacedParameter) => places.get(gradientOf(name)) ?? 0;
  return parameters.toSorted((one, other) => place(other) - place(one));
}

/** The gradients of all parameters. */
function gradientsOf(
  forward: Graph,
  parameters: readonly StepTensor[],
  { tail, checkpointActivations = false }: StepOptions,
): Differentiated {
  const names = parameters.map(({ name }) => name);
  const used = new Set(prune(forward, ["loss"]).inputs.map(({ name }) => name));
  const unused = names.find((name) => !used.has(name));
  if (unused !== undefined)
    throw new HeadstartError("INVALID_MODEL", `The loss does not depend on the parameter ${unused}.`);
  if (tail === undefined || !checkpointActivations) return differentiate(forward, "loss", names);
  const segments = segmentsBetween(forward, "activations", "loss", (node) => !looksAtShape(node, forward));
  return differentiateRecomputing(forward, "loss", names, ["activations", ...segments.map(({ to }) => to)]);
}

/**
 * Nodes that only some outputs need, last. ONNX Runtime then runs them as soon as it can, see `addUpdates`, and what they read is not kept for
 * them until the end.
 */
function inOrder(graph: Graph, early: readonly string[]): Graph {
  const others = graph.outputs.map(({ name }) => name).filter((name) => !early.includes(name));
  const needed = new Set(prune(graph, others).nodes);
  const [before, behind] = [true, false].map((is) => graph.nodes.filter((node) => needed.has(node) === is));
  return { ...graph, nodes: [...(before ?? []), ...(behind ?? [])] };
}
