import type { GraphBuilder } from "../onnx/index.js";

/** Added to the norm before dividing by it, as `torch.nn.utils.clip_grad_norm_` does. */
const EPSILON = 1e-6;

/**
 * Adds clipping by the global norm to a graph (Pascanu et al., On the difficulty of training recurrent neural networks, 2013), as
 * `torch.nn.utils.clip_grad_norm_`: where the gradients, taken together as one vector, are longer than `most`, all are shortened by the
 * same factor.
 *
 * @param builder - the graph that the nodes are added to
 * @param gradients - values of the graph, float of any shapes
 * @param most - the longest that they may be together, more than 0
 * @returns names of the clipped gradients in the same order, and of `norm`, a float scalar: their length before clipping
 */
export function addClipping(
  builder: GraphBuilder,
  gradients: readonly string[],
  most: number,
): { gradients: string[]; norm: string } {
  const squares = gradients.map((gradient) => builder.node("ReduceSumSquare", [gradient], { keepdims: 0 }));
  const norm = builder.node("Sqrt", [builder.node("Sum", squares)]);
  const factor = builder.node("Div", [
    builder.scalar(most),
    builder.node("Add", [norm, builder.scalar(EPSILON)]),
  ]);
  const capped = builder.node("Min", [factor, builder.scalar(1)]);
  return { gradients: gradients.map((gradient) => builder.node("Mul", [gradient, capped])), norm };
}
