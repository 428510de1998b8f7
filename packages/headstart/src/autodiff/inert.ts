import { type Node, reads } from "../onnx/index.js";

/**
 * Inputs that an operator's result does not change with, or at jumps only, by their place; all inputs, if none is named. No gradient passes
 * to them: of some only the type or the shape counts, and steps are flat. Operators that make whole numbers or yes and no need no line, because only
 * floating-point values have gradients.
 */
const INERT: Readonly<Record<string, readonly number[] | undefined>> = {
  Bernoulli: undefined,
  CastLike: [1],
  Ceil: undefined,
  EyeLike: undefined,
  Floor: undefined,
  Hardmax: undefined,
  RandomNormalLike: undefined,
  RandomUniformLike: undefined,
  Round: undefined,
  Sign: undefined,
};

/** Whether a node's outputs stay as they are, or jump, when one of its inputs changes, by the input's place. */
export function isInert({ op, domain }: Node, place: number): boolean {
  return domain === "" && Object.hasOwn(INERT, op) && (INERT[op]?.includes(place) ?? true);
}

/** The values that a node's outputs change with, those included that only its subgraphs read. */
export function movers(node: Node): readonly string[] {
  const inert = node.inputs.some((_, place) => isInert(node, place));
  return inert ? node.inputs.filter((value, place) => value !== "" && !isInert(node, place)) : reads(node);
}
