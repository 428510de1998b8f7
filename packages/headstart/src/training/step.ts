import { differentiate } from "../autodiff/index.js";
import { HeadstartError } from "../errors.js";
import { type Graph, GraphBuilder, merge } from "../onnx/index.js";
import { addHead, HEAD_PARAMETERS, type HeadParameter, headShapes } from "./head.js";
import { addCrossEntropy } from "./losses.js";
import { addUpdate, type Optimiser, slotsOf } from "./optimisers.js";

/** What a step graph is composed of. */
export interface StepOptions {
  /** Any graph with an output `features` `[N, D]`, such as photos through augmentation and backbone. Without it the step reads features. */
  readonly front?: Graph | undefined;
  /** D, the number of features. */
  readonly featureCount: number;
  /** C, the number of classes. */
  readonly classes: number;
  readonly optimiser: Optimiser;
  /** Part of the features that is dropped at random; 0 leaves `dropout_mask` out. */
  readonly dropout: number;
  /** As `addCrossEntropy` has it. */
  readonly labelSmoothing: number;
  /** As `addCrossEntropy` has it. */
  readonly classWeights?: readonly number[] | undefined;
}

/** A tensor that goes into a step and comes out of it as `NAME.next`. */
export interface StepTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One training step as one graph, and what it carries from step to step. */
export interface Step {
  readonly graph: Graph;
  /** The trainable parameters. */
  readonly parameters: readonly StepTensor[];
  /** The optimiser's memory, which starts as zeros; `parameter` is the parameter it belongs to. */
  readonly slots: readonly (StepTensor & { readonly parameter: string })[];
}

/**
 * Composes one training step of the head: front, head, loss, gradients and optimiser in a single graph. Only the head is differentiated;
 * the front is frozen.
 *
 * Inputs of the graph: those of the front, or `features` float `[N, D]`; `label` int64 `[N]`; `dropout_mask` float `[N, D]` (only with
 * dropout); every parameter and slot; `learning_rate` and `step`, float scalars, steps counted from 1. Outputs: `NAME.next` for every
 * parameter and slot, `loss` (mean over the batch) and `correct` (number of photos answered right), float scalars. Both are of the
 * parameters as they were before the step.
 *
 * @throws HeadstartError `INVALID_MODEL` if the front has no output `features`, or one of its inputs is called as one of the step's
 */
export function composeStep(options: StepOptions): Step {
  const { front, featureCount, classes, optimiser } = options;
  const shapes = headShapes(featureCount, classes);
  const parameters = HEAD_PARAMETERS.map((name) => ({ name, shape: shapes[name] }));
  const slots = parameters.flatMap(({ name, shape }) =>
    slotsOf(optimiser).map((slot) => ({ name: `${name}.${slot}`, shape, parameter: name })),
  );
  const differentiated = differentiate(composeLoss(options), "loss", HEAD_PARAMETERS);
  const b = GraphBuilder.from(differentiated.graph);
  const learningRate = b.input("learning_rate", "float32", []);
  const step = b.input("step", "float32", []);
  for (const { name, shape } of slots) b.input(name, "float32", shape);
  b.clearOutputs();
  for (const { name, shape } of parameters) {
    const own = slots.filter(({ parameter }) => parameter === name);
    const next = addUpdate(b, optimiser, {
      parameter: name,
      gradient: gradientOf(differentiated.gradients, name),
      slots: own.map((slot) => slot.name),
      learningRate,
      step,
    });
    b.output(`${name}.next`, "float32", shape, next.parameter);
    for (const [index, slot] of own.entries())
      b.output(`${slot.name}.next`, "float32", shape, next.slots[index]);
  }
  b.output("loss", "float32", []);
  b.output("correct", "float32", []);
  const graph = b.build();
  return {
    graph: front === undefined ? graph : merge(front, graph, { features: "features" }),
    parameters,
    slots,
  };
}

/**
 * Composes what measures a head on features. Inputs: `features` float `[N, D]`, `label` int64 `[N]`, and the parameters. Outputs:
 * `probabilities` float `[N, C]`, `loss` (mean cross-entropy over the batch, with no smoothing and no weights) and `correct` (number
 * of photos answered right), float scalars.
 */
export function composeEvaluation({
  featureCount,
  classes,
}: {
  readonly featureCount: number;
  readonly classes: number;
}): Graph {
  const b = new GraphBuilder("evaluation");
  const { features, label, weight, bias } = addInputs(b, featureCount, classes);
  const { logits } = addHead(b, { features, weight, bias });
  const { loss, correct } = addCrossEntropy(b, { logits, label, classes });
  b.output("probabilities", "float32", ["N", classes], b.node("Softmax", [logits], { axis: 1 }));
  b.output("loss", "float32", [], loss);
  b.output("correct", "float32", [], correct);
  return b.build();
}

/** Features, label and parameters to `loss` and `correct`. */
function composeLoss({ featureCount, classes, dropout, labelSmoothing, classWeights }: StepOptions): Graph {
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
  });
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

function gradientOf(gradients: ReadonlyMap<string, string>, parameter: string): string {
  const gradient = gradients.get(parameter);
  if (gradient === undefined)
    throw new HeadstartError("INVALID_MODEL", `The loss does not depend on the parameter ${parameter}.`);
  return gradient;
}
