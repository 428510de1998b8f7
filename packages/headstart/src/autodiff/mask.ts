import { elementTypeCode, float } from "../onnx/index.js";
import type { GradientContext } from "./rule.js";

/** The steepest slope that leaves room in float32. */
const STEEP = 3e38;

/**
 * One where slope * value + offset is greater than 0, and zero elsewhere, in the value's type. In float32 it is a `HardSigmoid` so steep that it is
 * a step, which takes a third of the time of `Greater` and `Cast` in ONNX Runtime; it is less than 1 below 3.3e-39 only. A product of this
 * mask with an infinite gradient is not a number where the mask is 0.
 *
 * @param value - the value, of the type of the node's output
 * @param slope - 1 by default; the step is where it is in float32 arithmetic, exactly for powers of two
 * @param offset - 0 by default
 */
export function positive(g: GradientContext, value: string, slope = 1, offset = 0): string {
  const { b, type, y, scalar } = g;
  if (type(y) === "float32") {
    const scale = STEEP / Math.max(Math.abs(slope), Math.abs(offset));
    return b.node("HardSigmoid", [value], { alpha: float(scale * slope), beta: float(scale * offset) });
  }
  const [op, zero] = slope > 0 ? ["Greater", -offset / slope] : ["Less", -offset / slope];
  return b.node("Cast", [b.node(op, [value, scalar(zero)])], { to: elementTypeCode(type(y)) });
}

/** One where two values are equal and zero elsewhere, in the type of the node's output. */
export function equal({ b, type, y }: GradientContext, left: string, right: string): string {
  return b.node("Cast", [b.node("Equal", [left, right])], { to: elementTypeCode(type(y)) });
}

/** `mask` itself where it is 1, and another value where it is 0: mask + (1 - mask) other. */
export function otherwise({ b, scalar }: GradientContext, mask: string, other: string): string {
  return b.node("Add", [mask, b.node("Mul", [b.node("Sub", [scalar(1), mask]), other])]);
}
