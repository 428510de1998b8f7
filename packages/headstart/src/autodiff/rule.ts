import type { HeadstartError } from "../errors.js";
import type { DataType, Dim, GraphBuilder, Node } from "../onnx/index.js";

/**
 * How gradients pass through one operator. A rule is called for a node y = op(inputs) of which the gradient d loss / dy is known. It answers,
 * for each input in order, a function that adds the nodes of d loss / d input and returns the name of the result, which has that input's
 * shape. Only the functions of inputs that lie between what is differentiated and the loss are called, and at least one is; so what they
 * share may be made at once. An input that no gradient passes to (a shape, axes, indices) has
 * no function, or undefined before one that has.
 *
 * To add an operator, write its rule in the file of its family in `rules/`, with the source of its formula, under the operator's name in
 * that family's table; a new family gets a new file and a line in `rules/index.ts`. Then add the operator's line to the family's test,
 * where `checkGradients` compares the rule with central differences. A rule may emit operators of ONNX's own set only, none newer than
 * opset 16 (the oldest that `differentiate` accepts). An operator whose result does not change with an input, or of which only the input's
 * type or shape counts, is a line in `inert.ts` instead.
 */
export interface GradientRule {
  (context: GradientContext, ...inputs: string[]): readonly ((() => string) | undefined)[];
  /** Whether the rule takes the gradients of all outputs; see {@link ofAllOutputs}. */
  readonly allOutputs?: boolean;
}

/** Rules by operator, for one family of operators. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/**
 * Marks a rule that takes the gradients of all outputs of its node, which it finds in `dYs`. Without this mark the engine refuses a loss
 * that depends on another output than the first.
 */
export function ofAllOutputs(rule: GradientRule): GradientRule {
  return Object.assign<GradientRule, { allOutputs: boolean }>((...given) => rule(...given), {
    allOutputs: true,
  });
}

/** What a rule has at hand: the node, the gradient of what it makes, what is known of values, and the graph to add nodes to. */
export interface GradientContext {
  /** The graph that is being written. */
  readonly b: GraphBuilder;
  /** The node that gradients pass through. */
  readonly node: Node;
  /** The node's first output. */
  readonly y: string;
  /** d loss / dy; it has y's shape. */
  readonly dY: string;
  /** The gradients of all outputs in their order, zeros where the loss does not depend on one. Only `dY`, if the rule takes no others. */
  readonly dYs: readonly string[];
  /** Dimensions of a value of the given graph; undefined where not even their number is known, and for values that a rule has made. */
  shape(value: string): readonly Dim[] | undefined;
  /** Number of dimensions of a value of the given graph. Throws `UNSUPPORTED` where it is not known. */
  rank(value: string): number;
  /** Element type of a value of the given graph. Throws `UNSUPPORTED` where it is not known. */
  type(value: string): DataType;
  /** The elements of a scalar or a short list of the given graph, such as axes or pads, where they are known before it runs. */
  elements(value: string): readonly number[] | undefined;
  /** A value's dimensions as an int64 list in the graph: a constant where they are known, otherwise a `Shape` node. */
  dims(value: string): string;
  /** A scalar constant of y's element type. */
  scalar(value: number): string;
  /** The error of a node that gradients cannot pass through as it is used here. `why` goes on from the node's name: "whose ... is ...". */
  unsupported(why: string): HeadstartError;
}
