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
  /** Where photos are mixed in pairs: whom each is mixed with, and how much of it is its own. */
  readonly mix?: MixedLabels | undefined;
}

/** Names of the values that say how the photos of a batch are mixed. */
export interface MixedLabels {
  /** Int64 `[N]`: the row of the photo that each is mixed with. */
  readonly partner: string;
  /** Float `[N]`: part of each photo that is its own, 0 to 1; the rest is its partner's. */
  readonly share: string;
}

/**
 * Adds softmax cross-entropy to a graph, with the conventions of `torch.nn.CrossEntropyLoss`: the mean over the batch; smoothing before
 * weighting. With class weights, the sum is divided by the weights of the photos' classes.
 *
 * Where photos are mixed, the target is `share * onehot(label) + (1 - share) * onehot(label[partner])`, smoothed as the plain one. It is then
 * a distribution, not a class, and as `torch.nn.CrossEntropyLoss` has it with probabilities for targets, class weights multiply each term
 * and the sum is divided by the number of photos.
 *
 * @param builder - the graph that the nodes are added to
 * @param inputs - names of the values it reads, and the choices
 * @returns names of `loss`, a float scalar that autodiff can differentiate by the logits, and `correct`, a float scalar: the number of
 * photos whose highest logit is at their own label, mixed or not (the first of equal ones counts)
 * @throws HeadstartError `INVALID_OPTION` if the number of class weights is not the number of classes
 */
export function addCrossEntropy(
  builder: GraphBuilder,
  { logits, label, classes, labelSmoothing = 0, classWeights, mix }: CrossEntropyInputs,
): { loss: string; correct: string } {
  if (classWeights !== undefined && classWeights.length !== classes)
    throw new HeadstartError(
      "INVALID_OPTION",
      `There are ${classWeights.length} class weights for ${classes} classes.`,
      "Give one weight for each class.",
    );
  const b = builder;
  const logProbabilities = b.node("LogSoftmax", [logits], { axis: 1 });
  const target = addTarget(b, label, classes, labelSmoothing, mix);
  const weights = classWeights && b.constant("class_weights", float32([classes], classWeights));
  const weighted = weights === undefined ? target : b.node("Mul", [target, weights]);
  const each = b.node("ReduceSum", [b.node("Mul", [weighted, logProbabilities]), b.integers([1])], {
    keepdims: 0,
  });
  const mean =
    weights === undefined || mix !== undefined
      ? b.node("ReduceMean", [each, b.integers([0])], { keepdims: 0 })
      : b.node("Div", [addSum(b, each), addSum(b, b.node("Gather", [weights, label]))]);
  return {
    loss: b.node("Mul", [mean, b.scalar(-1)], {}, { name: "cross_entropy" }),
    correct: addCorrect(b, logits, label),
  };
}

/** The distribution over the classes that each photo should get, float [N, C]. */
function addTarget(
  b: GraphBuilder,
  label: string,
  classes: number,
  labelSmoothing: number,
  mix: MixedLabels | undefined,
): string {
  // Smoothing and mixing are both means of distributions, so the smoothed ones can be mixed.
  const [off, on] = [labelSmoothing / classes, 1 - labelSmoothing + labelSmoothing / classes];
  const depth = b.constant("classes", int64([], [classes]));
  const own = b.node("OneHot", [label, depth, b.constant("target", float32([2], [off, on]))], { axis: 1 });
  if (mix === undefined) return own;
  const partners = b.node("Gather", [own, mix.partner], { axis: 0 });
  const share = b.node("Reshape", [mix.share, b.integers([-1, 1])]);
  return b.node("Add", [partners, b.node("Mul", [b.node("Sub", [own, partners]), share])]);
}

function addSum(b: GraphBuilder, value: string): string {
  return b.node("ReduceSum", [value, b.integers([0])], { keepdims: 0 });
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

/**
 * How much each batch of a group counts, where the gradients of several batches are added up to those of all their photos at once: its part
 * of what the mean of {@link addCrossEntropy} is divided by.
 *
 * @param batches - the labels of each batch's photos
 * @param choices - those of the loss: with class weights and no mixing, photos count as their class does
 * @returns one number for each batch; together they are 1
 *
 * @example
 * batchShares([[0, 1, 1], [2]]) // => [0.75, 0.25]
 */
export function batchShares(
  batches: readonly (readonly number[])[],
  {
    classWeights,
    mix = false,
  }: { readonly classWeights?: readonly number[] | undefined; readonly mix?: boolean } = {},
): number[] {
  const count = (label: number) => (classWeights === undefined || mix ? 1 : (classWeights[label] ?? 0));
  const masses = batches.map((labels) => labels.reduce((sum, label) => sum + count(label), 0));
  const all = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / all);
}
