import { type Dim, int64 } from "../onnx/index.js";
import type { GradientContext } from "./rule.js";

/**
 * Undoes broadcasting: sums a gradient over the axes along which `value` was repeated, because each element of the value counts once for
 * every copy that was made of it (the adjoint of copying is summing: Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008, ch. 3).
 *
 * Where dimensions are numbers or share a name, the axes are found here and no more than a `ReduceSum` is emitted, or nothing. Where it
 * takes a run to know whether a dimension is 1, nodes are emitted that find the axes at run time.
 *
 * @param gradient - the gradient, with the broadcast shape
 * @param value - the value that was broadcast
 * @param from - dimensions of `gradient`, as far as they are known; by default those of the node's output
 * @param to - dimensions of `value`, as far as they are known
 * @returns the gradient with the shape of `value`
 */
export function reduceTo(
  g: GradientContext,
  gradient: string,
  value: string,
  from: readonly Dim[] | undefined = g.shape(g.y),
  to: readonly Dim[] | undefined = g.shape(value),
): string {
  const axes = from && to && repeatedAxes(from, to);
  if (!from || !to || !axes) return reduceAtRunTime(g, gradient, value);
  if (axes.length === 0) return gradient;
  const absent = from.length - to.length;
  const keepdims = axes.length > absent ? 1 : 0;
  const sum = g.b.node("ReduceSum", [gradient, g.b.integers(axes)], { keepdims });
  return keepdims && absent > 0 ? g.b.node("Squeeze", [sum, g.b.integers([...Array(absent).keys()])]) : sum;
}

/** The axes along which a value of dimensions `to` is repeated to make `from`; undefined if that depends on sizes that are not known. */
function repeatedAxes(from: readonly Dim[], to: readonly Dim[]): number[] | undefined {
  const absent = from.length - to.length;
  const axes: number[] = [];
  for (const [axis, wide] of from.entries()) {
    const narrow = to[axis - absent];
    if (narrow === undefined || (narrow === 1 && wide !== 1)) axes.push(axis);
    else if (typeof narrow === "string" && (narrow === "?" || narrow !== wide)) return undefined;
  }
  return axes;
}

/** As {@link reduceTo}, for any two shapes: pads the value's shape with ones on the left and sums where it then differs from the gradient's. */
function reduceAtRunTime({ b, dims }: GradientContext, gradient: string, value: string): string {
  const [wide, narrow] = [b.node("Shape", [gradient]), dims(value)];
  const absent = b.node("Sub", [b.node("Shape", [wide]), b.node("Shape", [narrow])]);
  const ones = b.node("ConstantOfShape", [absent], { value: int64([1], [1]) });
  const padded = b.node("Concat", [ones, narrow], { axis: 0 });
  const repeated = b.node("Not", [b.node("Equal", [padded, wide])]);
  const axes = b.node("Squeeze", [b.node("NonZero", [repeated]), b.integers([0])]);
  const sum = b.node("ReduceSum", [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 });
  return b.node("Reshape", [sum, narrow]);
}
