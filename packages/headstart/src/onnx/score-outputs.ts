import type { ValueInfo } from "./graph.js";

/** Outputs that are looked at. */
const MOST_OUTPUTS = 16;

/** Operators that choose among scores, or keep their order: a walk from an output towards the scores goes through their first input. */
export const KEEPS_SCORES: ReadonlySet<string> = new Set([
  "ArgMax",
  "Cast",
  "DequantizeLinear",
  "Dropout",
  "Exp",
  "Flatten",
  "Hardmax",
  "Identity",
  "Log",
  "QuantizeLinear",
  "Reshape",
  "Squeeze",
  "TopK",
]);

/** Words in the name of an output that holds a score for each class. */
const SCORES = /logit|prob|score|softmax|classif|predict|\bclass/i;

/** Words in the name of an output that holds something else. */
const OTHERS = /aux|hidden|pool|feature|embed|attention|last_layer|label|token|map/i;

/**
 * The outputs of a classifier, those that may be its scores first: by name, then floating-point numbers `[N, K]` before others, then as they stand.
 */
export function scoreOutputs(outputs: readonly ValueInfo[]): readonly ValueInfo[] {
  return outputs
    .slice(0, MOST_OUTPUTS)
    .map((output) => ({ output, rank: rank(output) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ output }) => output);
}

/** Whether the name of an output says that it holds scores. */
export function isNamedScores(name: string): boolean {
  return SCORES.test(name) && !OTHERS.test(name);
}

function rank({ name, type, shape }: ValueInfo): number {
  const named = isNamedScores(name) ? 0 : OTHERS.test(name) ? 4 : 2;
  const rows = type?.includes("float") && (shape === undefined || shape.length === 2);
  return named + (rows ? 0 : 1);
}
