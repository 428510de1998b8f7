import { GraphBuilder } from "./builder.js";
import type { Graph } from "./graph.js";
import { inferShapes } from "./shapes/infer.js";

/** Operators on two values that are broadcast to each other. */
const BINARY = new Set(["Add", "Div", "Mul", "Sub"]);

/**
 * Gives scalars as many dimensions as the values that they are added to or multiplied with, where those end in dimensions of 1, as the filters of
 * pointwise convolutions do. The result is the same; but with a scalar of fewer dimensions ONNX Runtime takes such values element by
 * element, which takes twenty times as long.
 */
export function rankScalars(graph: Graph): Graph {
  const { values } = inferShapes(graph);
  const shapeOf = (value: string) => values.get(value)?.shape;
  const b = GraphBuilder.from({ ...graph, nodes: [] });
  for (const { outputs } of graph.nodes) for (const output of outputs) b.unique(output);
  const ranked = new Map<string, string>();
  const withRank = (scalar: string, rank: number): string => {
    const key = `${rank} ${scalar}`;
    const known = ranked.get(key);
    if (known !== undefined) return known;
    const dims = Array<number>(rank).fill(1);
    const tensor = graph.initializers.get(scalar);
    const made = tensor
      ? b.constant(scalar, { ...tensor, dims })
      : b.node("Reshape", [scalar, b.integers(dims)]);
    ranked.set(key, made);
    return made;
  };
  for (const node of graph.nodes) {
    const shapes = node.inputs.map(shapeOf);
    const rank = Math.max(...shapes.map((shape) => shape?.length ?? 0));
    const slow = shapes.some(
      (shape) => shape !== undefined && shape.length === rank && isLongWithOnes(shape),
    );
    if (node.domain !== "" || !BINARY.has(node.op) || !slow) b.copy(node);
    else {
      const inputs = node.inputs.map((input, i) => {
        const shape = shapes[i];
        const scalar = shape !== undefined && shape.length < rank && shape.every((dim) => dim === 1);
        return scalar ? withRank(input, rank) : input;
      });
      b.copy({ ...node, inputs });
    }
  }
  return b.build();
}

/** Whether the last dimension is 1 and another is not. */
function isLongWithOnes(shape: readonly (number | string)[]): boolean {
  return shape.at(-1) === 1 && shape.some((dim) => dim !== 1);
}
