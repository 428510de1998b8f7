import { HeadstartError } from "../errors.js";
import { elementTypeCode, type Graph, GraphBuilder, type Node } from "../onnx/index.js";
import { isInert, movers } from "./inert.js";
import { type KnownValues, knownValues } from "./known-values.js";
import type { GradientContext, GradientRule } from "./rule.js";
import { RULES } from "./rules/index.js";

/** The oldest version of ONNX's operators that has those which the rules emit. */
const OLDEST_OPSET = 16;

/** How many nodes of one operator without a rule are named in an error. */
const MOST_NAMED = 3;

/** A graph with gradients, and where they are. */
export interface Differentiated {
  /** The given graph, with the nodes that compute the gradients at its end. */
  readonly graph: Graph;
  /** For each value that was asked for, the name of the value that holds d loss / d it. Two may share one. */
  readonly gradients: ReadonlyMap<string, string>;
}

/**
 * Differentiates a graph in reverse mode: adds the nodes that compute the gradients of a loss. They are operators of ONNX's own set, so the
 * result runs wherever the graph runs. Only nodes that lie between `of` and the loss are gone through, and nothing is added that no
 * gradient asked for needs (Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008, ch. 3).
 *
 * @param graph - the graph, whose inputs and outputs stay as they are
 * @param loss - a floating-point value of one element: `[]` or `[1]`
 * @param of - inputs, constants or values in between, of a floating-point type
 * @returns the graph and the names of the gradients. Each has the type and shape of its value, and is zero where the loss does not depend
 * on it
 * @throws HeadstartError `UNSUPPORTED` if operators on the way have no rule (all such operators are named, each with its first nodes) or the graph is older than opset 16; `INVALID_OPTION` if `loss`
 * or `of` names what cannot be differentiated
 *
 * @example
 * const { graph, gradients } = differentiate(model, "loss", ["weight"]);
 * const b = GraphBuilder.from(graph);
 * b.output("weight_gradient", "float32", [24, 5], gradients.get("weight"));
 */
export function differentiate(graph: Graph, loss: string, of: readonly string[]): Differentiated {
  const known = knownValues(graph);
  check(graph, loss, of, known);
  const active = dependents(graph, of, known);
  const missing = withoutRule(graph, loss, active);
  if (missing.length > 0) throw lacking(missing);
  const b = GraphBuilder.from(graph);
  const tools = toolsFor(b, known);

  /** The parts that add up to the gradient of each value, as far as the walk has come. */
  const parts = new Map<string, readonly string[]>();
  const gradientOf = (value: string): string | undefined => {
    const [first, ...more] = parts.get(value) ?? [];
    if (first === undefined) return undefined;
    const sum = more.reduce((total, part) => b.node("Add", [total, part]), first);
    parts.set(value, [sum]);
    return sum;
  };

  if (active.has(loss)) parts.set(loss, [tools.filled(loss, 1)]);
  for (const node of graph.nodes.toReversed()) {
    if (!movers(node).some((value) => active.has(value))) continue;
    const gradients = node.outputs.map(gradientOf);
    if (gradients.every((gradient) => gradient === undefined)) continue;
    const rule = ruleOf(node);
    if (!rule) continue;
    if (!rule.allOutputs && gradients.slice(1).some((gradient) => gradient !== undefined))
      throw unsupported(node, "through an output that is not its first");
    const dYs = gradients
      .slice(0, rule.allOutputs ? undefined : 1)
      .map((gradient, i) => gradient ?? tools.filled(node.outputs[i] ?? "", 0));
    const passes = rule(tools.context(node, dYs), ...node.inputs);
    for (const [index, input] of node.inputs.entries()) {
      if (!active.has(input) || isInert(node, index)) continue;
      const pass = passes[index];
      if (!pass) throw unsupported(node, `but no gradient passes to its input ${input}`);
      parts.set(input, [...(parts.get(input) ?? []), pass()]);
    }
  }
  const gradients = new Map(of.map((value) => [value, gradientOf(value) ?? tools.filled(value, 0)]));
  return { graph: b.build(), gradients };
}

/**
 * The nodes whose operators have no gradient rule, of those that gradients would have to pass through; none if {@link differentiate} finds
 * all rules that it needs.
 *
 * @param graph - the graph
 * @param loss - the value to be differentiated
 * @param of - the values that gradients are asked for
 * @returns the nodes, in the graph's order
 * @throws HeadstartError as {@link differentiate} does for a graph, a loss or values that cannot be differentiated at all
 *
 * @example
 * missingRules(model, "loss", ["weight"]).map(({ name, op }) => `${name} (${op})`)
 */
export function missingRules(graph: Graph, loss: string, of: readonly string[]): readonly Node[] {
  const known = knownValues(graph);
  check(graph, loss, of, known);
  return withoutRule(graph, loss, dependents(graph, of, known));
}

function withoutRule(graph: Graph, loss: string, active: ReadonlySet<string>): readonly Node[] {
  const reached = new Set([loss]);
  const missing: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => reached.has(output))) continue;
    const passing = movers(node).filter((value) => active.has(value));
    if (passing.length > 0 && !ruleOf(node)) missing.unshift(node);
    for (const value of passing) reached.add(value);
  }
  return missing;
}

function ruleOf({ op, domain }: Node): GradientRule | undefined {
  return domain === "" ? RULES.get(op) : undefined;
}

/** The values that change when one of `of` changes, those included. */
function dependents(graph: Graph, of: readonly string[], known: KnownValues): ReadonlySet<string> {
  const active = new Set(of);
  for (const node of graph.nodes) {
    if (!movers(node).some((value) => active.has(value))) continue;
    for (const output of node.outputs) if (output !== "" && known.isFloat(output)) active.add(output);
  }
  return active;
}

/** What makes the rules' contexts, and the gradients that no rule makes. */
function toolsFor(b: GraphBuilder, { shape, rank, type, elements }: KnownValues) {
  const shapes = new Map<string, string>();
  const dims = (value: string): string => {
    const sizes = shape(value);
    if (sizes?.every((dim) => typeof dim === "number")) return b.integers(sizes);
    const list = shapes.get(value) ?? b.node("Shape", [value]);
    shapes.set(value, list);
    return list;
  };
  const constant = (value: number, like: string): string => {
    const to = type(like);
    return to === "float32"
      ? b.scalar(value)
      : b.node("Cast", [b.scalar(value)], { to: elementTypeCode(to) });
  };
  return {
    context: (node: Node, dYs: readonly string[]): GradientContext => {
      const y = node.outputs[0] ?? "";
      return {
        b,
        node,
        y,
        dY: dYs[0] ?? "",
        dYs,
        shape,
        rank,
        type,
        elements,
        dims,
        scalar: (value) => constant(value, y),
        unsupported: (why) => unsupported(node, why),
      };
    },
    /** One number in the type and shape of a value. */
    filled: (value: string, number: number): string => {
      const scalar = constant(number, value);
      return shape(value)?.length === 0 ? scalar : b.node("Expand", [scalar, dims(value)]);
    },
  };
}

function check(graph: Graph, loss: string, of: readonly string[], known: KnownValues): void {
  const opset = graph.opsets.get("") ?? 0;
  if (opset < OLDEST_OPSET)
    throw new HeadstartError(
      "UNSUPPORTED",
      `The graph ${graph.name} uses opset ${opset}; gradients need opset ${OLDEST_OPSET} or newer.`,
      "Export the model again with a newer opset, or convert it with ONNX's version converter.",
    );
  for (const value of [loss, ...of]) {
    if (!known.has(value))
      throw new HeadstartError("INVALID_OPTION", `The graph ${graph.name} has no value ${value}.`);
    if (!known.isFloat(value))
      throw new HeadstartError(
        "INVALID_OPTION",
        `${value} is of type ${known.type(value)}; only floating-point values have gradients.`,
      );
  }
  if (!known.shape(loss)?.every((dim) => dim === 1))
    throw new HeadstartError(
      "INVALID_OPTION",
      `The loss ${loss} is not known to be a single number: its shape is [${known.shape(loss)?.join(", ") ?? "?"}].`,
      "Reduce it to a scalar first, with ReduceMean for example.",
    );
}

function unsupported(node: Node, why: string): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `The loss depends on the node ${node.name} (${operatorOf(node)}), ${why}.`,
    "Train only what stands behind this node, or give the operator a gradient rule.",
  );
}

function lacking(nodes: readonly Node[]): HeadstartError {
  const [first, ...more] = nodes;
  if (first && more.length === 0) return unsupported(first, "which has no gradient rule");
  const operators = Array.from(new Set(nodes.map(operatorOf)), (operator) => {
    const names = nodes.filter((node) => operatorOf(node) === operator).map(({ name }) => name);
    const rest = names.splice(MOST_NAMED).length;
    return `${operator} (${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""})`;
  });
  return new HeadstartError(
    "UNSUPPORTED",
    `The loss depends on ${nodes.length} nodes that have no gradient rule: ${operators.join(", ")}.`,
    "Train only what stands behind these nodes, or give their operators gradient rules.",
  );
}

function operatorOf({ op, domain }: Node): string {
  return domain === "" ? op : `${domain}.${op}`;
}
