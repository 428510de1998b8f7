import { type Dim, elementTypeCode, float32 } from "../onnx/index.js";
import type { GradientContext } from "./rule.js";

/** A whole number: itself where it is known, otherwise the value, an int64 list of one element, that holds it when the graph runs. */
export type Whole = number | string;

/** Whole numbers as one int64 list. */
export function wholes({ b }: GradientContext, list: readonly Whole[]): string {
  const known = list.every((one) => typeof one === "number");
  if (known) return b.integers(list);
  const each = list.map((one) => (typeof one === "number" ? b.integers([one]) : one));
  return each.length === 1 ? (each[0] ?? "") : b.node("Concat", each, { axis: 0 });
}

/** Sum of whole numbers, each times 1 or -1. */
export function plus({ b }: GradientContext, first: Whole, second: Whole, sign: 1 | -1 = 1): Whole {
  if (typeof first === "number" && typeof second === "number") return first + sign * second;
  const value = (one: Whole) => (typeof one === "number" ? b.integers([one]) : one);
  return b.node(sign === 1 ? "Add" : "Sub", [value(first), value(second)]);
}

/** The size of a value of the given graph along an axis, counted from the front. */
export function sizeOf({ b, shape, dims }: GradientContext, value: string, axis: number): Whole {
  const known: Dim | undefined = shape(value)?.[axis];
  return typeof known === "number" ? known : b.node("Gather", [dims(value), b.integers([axis])]);
}

/** An axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/**
 * A value with zeros before and after it along axes; negative numbers take elements away instead.
 *
 * @param rank - the value's number of dimensions
 * @param amounts - by axis, how many before and how many after
 */
export function padded(
  g: GradientContext,
  value: string,
  rank: number,
  amounts: ReadonlyMap<number, readonly [before: Whole, after: Whole]>,
): string {
  const axes = Array.from({ length: rank }, (_, axis) => amounts.get(axis) ?? ([0, 0] as const));
  const pads = [...axes.map(([before]) => before), ...axes.map(([, after]) => after)];
  return pads.every((pad) => pad === 0) ? value : g.b.node("Pad", [value, wholes(g, pads)]);
}

/**
 * The matrix that puts elements back where they were taken from: column j has a one in the row that the j-th index names. Its product with a
 * gradient adds up what belongs to the same element.
 *
 * @param indices - int64 or int32 list; negative ones count from the end
 * @param depth - number of rows
 */
export function scattering(g: GradientContext, indices: string, depth: Whole): string {
  const { b, type, y } = g;
  const [list, rows] = [b.node("Cast", [indices], { to: elementTypeCode("int64") }), wholes(g, [depth])];
  const choice = b.constant("zero_one", float32([2], [0, 1]));
  const matrix = b.node("OneHot", [list, rows, choice], { axis: 0 });
  return type(y) === "float32" ? matrix : b.node("Cast", [matrix], { to: elementTypeCode(type(y)) });
}

/**
 * The product of a matrix with a value along one axis, which the matrix has to fit.
 *
 * @param value - a value that a rule has made, or the gradient
 * @param rank - its number of dimensions
 * @param axis - which axis, counted from the front; its size becomes the matrix's number of rows
 */
export function multiplied(
  { b }: GradientContext,
  matrix: string,
  value: string,
  { rank, axis }: { readonly rank: number; readonly axis: number },
): string {
  if (axis === rank - 1) return b.node("MatMul", [value, b.node("Transpose", [matrix], { perm: [1, 0] })]);
  if (axis === rank - 2) return b.node("MatMul", [matrix, value]);
  // What stands behind the axis becomes one axis, so that the one before it is multiplied.
  const shape = b.node("Shape", [value]);
  const part = (of: string, from: number, to: number) =>
    b.node("Slice", [of, b.integers([from]), b.integers([to])]);
  const flat = b.node("Concat", [part(shape, 0, axis + 1), b.integers([-1])], { axis: 0 });
  const product = b.node("MatMul", [matrix, b.node("Reshape", [value, flat])]);
  const rows = part(b.node("Shape", [matrix]), 0, 1);
  const back = b.node("Concat", [part(shape, 0, axis), rows, part(shape, axis + 1, rank)], { axis: 0 });
  return b.node("Reshape", [product, back]);
}
