import { HeadstartError } from "../errors.js";
import { float32, type GraphBuilder, int64 } from "../onnx/index.js";

/** What {@link addCrossEntropy} works on. */
export interface CrossEntropyInputs {
  /** Value of the graph: float `[N, C]`, what the head gives before any softmax. */
  readonly logits: string;
  /** Value of the graph: int64 `[N]`, the right class of each photo, 0 to C - 1. */
  readonly label: string;
  /** C, the number of classes. */
  readonly classes: number;
  /** Part of the target that is spread evenly over all classes, 0 (the default) to 1. */
  readonly labelSmoothing?: number;
  /** How much each class counts; all the same by default. */
  readonly classWeights?: readonly number[] | undefined;
}

/**
 * Adds softmax cross-entropy to a graph, with the conventions of `torch.nn.CrossEntropyLoss`: the mean over the batch; with class weights,
 * the sum divided by the weights of the photos' classes; smoothing before weighting.
 *
 * @param builder - the graph that the nodes are added to
 * @param inputs - names of the values it reads, and the choices
 * @returns names of `loss`, a float scalar that autodiff can differentiate by the logits, and `correct`, a float scalar: the number of
 * photos whose highest logit is at their label (the first of equal ones counts)
 * @throws HeadstartError `INVALID_OPTION` if the number of class weights is not the number of classes
 */
export function addCrossEntropy(
  builder: GraphBuilder,
  { logits, label, classes, labelSmoothing = 0, classWeights }: CrossEntropyInputs,
): { loss: string; correct: string } {
  if (classWeights !== undefined && classWeights.length !== classes)
    throw new HeadstartError(
      "INVALID_OPTION",
      `There are ${classWeights.length} class weights for ${classes} classes.`,
      "Give one weight for each class.",
    );
  const b = builder;
  const logProbabilities = b.node("LogSoftmax", [logits], { axis: 1 });
  const [off, on] = [labelSmoothing / classes, 1 - labelSmoothing + labelSmoothing / classes];
  const depth = b.constant("classes", int64([], [classes]));
  const target = b.node("OneHot", [label, depth, b.constant("target", float32([2], [off, on]))], { axis: 1 });
  let loss: string;
  if (classWeights === undefined) {
    const each = b.node("ReduceSum", [b.node("Mul", [target, logProbabilities]), b.integers([1])], {
      keepdims: 0,
    });
    loss = b.node("ReduceMean", [each, b.integers([0])], { keepdims: 0 });
  } else {
    const weights = b.constant("class_weights", float32([classes], classWeights));
    const weighted = b.node("Mul", [b.node("Mul", [target, weights]), logProbabilities]);
    const sum = b.node("ReduceSum", [weighted, b.integers([0, 1])], { keepdims: 0 });
    const mass = b.node("ReduceSum", [b.node("Gather", [weights, label]), b.integers([0])], { keepdims: 0 });
    loss = b.node("Div", [sum, mass]);
  }
  return {
    loss: b.node("Mul", [loss, b.scalar(-1)], {}, { name: "cross_entropy" }),
    correct: addCorrect(b, logits, label),
  };
}

function addCorrect(b: GraphBuilder, logits: string, label: string): string {
  const answer = b.node("ArgMax", [logits], { axis: 1, keepdims: 0 });
  const right = b.node("Cast", [b.node("Equal", [answer, label])], { to: FLOAT });
  return b.node("ReduceSum", [right, b.integers([0])], { keepdims: 0 }, { name: "right_answers" });
}

/** ONNX's number for float32 in `Cast`. */
const FLOAT = 1;

/**
 * Weights that make every class count the same in the loss, however many photos it has: photos / (classes x photos of the class), as
 * scikit-learn's `class_weight="balanced"`.
 *
 * @param choice - `"none"` for no weights
 * @param counts - number of training photos of each class, none of them 0
 * @throws HeadstartError `INVALID_DATA` if a class has no photos
 *
 * @example
 * classWeightsOf("balanced", [30, 10]) // => [0.666..., 2]
 */
export function classWeightsOf(
  choice: "none" | "balanced",
  counts: readonly number[],
): readonly number[] | undefined {
  if (choice === "none") return undefined;
  const empty = counts.indexOf(0);
  if (empty !== -1)
    throw new HeadstartError(
      "INVALID_DATA",
      `Class number ${empty + 1} has no training photos, so it cannot be given a balanced weight.`,
      "Add photos of that class to the training split, or remove the class.",
    );
  const photos = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => photos / (counts.length * count));
}
