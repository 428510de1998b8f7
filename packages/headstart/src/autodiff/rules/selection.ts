import { elementTypeCode, int64, intAttribute, stringAttribute } from "../../onnx/index.js";
import {
  fromFront,
  multiplied,
  padded,
  plus,
  scattering,
  sizeOf,
  type Whole,
  wholes,
} from "../along-axis.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** 0, 1, 2 and so on, up to a size. */
function counted({ b }: GradientContext, size: Whole): string {
  const scalar = (value: number) => b.constant("int", int64([], [value]));
  const limit = typeof size === "number" ? scalar(size) : b.node("Squeeze", [size]);
  return b.node("Range", [scalar(0), limit, scalar(1)]);
}

/** Which elements along an axis a slice takes: the lowest place of them, and how many there are. */
interface Taken {
  readonly lowest: Whole;
  readonly count: Whole;
}

/** Reads a slice as ONNX defines it: negative places count from the end, and all are kept within the axis. */
function taken(size: number, start: number, end: number, step: number): Taken {
  const place = (at: number, least: number, most: number) =>
    Math.min(Math.max(at < 0 ? at + size : at, least), most);
  const [from, to] =
    step > 0
      ? [place(start, 0, size), place(end, 0, size)]
      : [place(start, 0, size - 1), place(end, -1, size - 1)];
  const count = Math.max(0, Math.ceil((to - from) / step));
  return { count, lowest: count === 0 ? 0 : Math.min(from, from + (count - 1) * step) };
}

/** As {@link taken}, where it takes a run to know it: slices 0, 1, 2 and so on in the same way. */
function takenAtRunTime(g: GradientContext, size: Whole, start: string, end: string, step: number): Taken {
  const { b } = g;
  const places = b.node("Slice", [counted(g, size), start, end, b.integers([0]), b.integers([step])]);
  const lowest = step > 0 ? [0, 1] : [-1, 2 ** 31 - 1];
  return {
    lowest: b.node("Slice", [places, ...lowest.map((bound) => b.integers([bound]))]),
    count: b.node("Shape", [places]),
  };
}

/**
 * The gradient goes back to the places that were taken, with zeros around and, for steps beyond 1, between them. For negative steps it
 * is turned around first.
 */
const slice: GradientRule = (g, x, starts, ends, axesInput = "", stepsInput = "") => [
  () => {
    const { b, rank, elements } = g;
    const dimensions = rank(x);
    const [from, to] = [elements(starts), elements(ends)];
    const givenAxes = axesInput === "" ? undefined : elements(axesInput);
    const count = from?.length ?? to?.length ?? givenAxes?.length ?? g.shape(starts)?.[0];
    const first = typeof count === "number" ? Array.from({ length: count }, (_, axis) => axis) : undefined;
    const axes = axesInput === "" ? first : givenAxes;
    const steps = stepsInput === "" ? axes?.map(() => 1) : elements(stepsInput);
    if (!axes || !steps) throw g.unsupported("of which the axes or steps are known only when it runs");

    const amounts = new Map<number, readonly [Whole, Whole]>();
    let gradient = g.dY;
    for (const [i, given] of axes.entries()) {
      const axis = fromFront(given, dimensions);
      const size = sizeOf(g, x, axis);
      const [start, end, step] = [from?.[i], to?.[i], steps[i] ?? 1];
      const bound = (list: string, known: number | undefined) =>
        known === undefined
          ? b.node("Cast", [b.node("Gather", [list, b.integers([i])])], { to: elementTypeCode("int64") })
          : b.integers([known]);
      const part =
        typeof size === "number" && start !== undefined && end !== undefined
          ? taken(size, start, end, step)
          : takenAtRunTime(g, size, bound(starts, start), bound(ends, end), step);
      if (step < 0) gradient = reversed(g, gradient, axis);
      const stride = Math.abs(step);
      const length = stride === 1 ? part.count : times(g, part.count, stride);
      if (stride > 1) gradient = dilated(g, gradient, { rank: dimensions, axis, length, stride });
      amounts.set(axis, [part.lowest, plus(g, plus(g, size, part.lowest, -1), length, -1)]);
    }
    return padded(g, gradient, dimensions, amounts);
  },
];

function times({ b }: GradientContext, value: Whole, factor: number): Whole {
  return typeof value === "number" ? value * factor : b.node("Mul", [value, b.integers([factor])]);
}

/** A value back to front along an axis. */
function reversed({ b }: GradientContext, value: string, axis: number): string {
  const list = (one: number) => b.integers([one]);
  return b.node("Slice", [value, list(-1), list(-(2 ** 31)), list(axis), list(-1)]);
}

/** A value with zeros behind every element along an axis, so that they come to stand `stride` apart and the axis gets a new length. */
function dilated(
  g: GradientContext,
  value: string,
  {
    rank,
    axis,
    length,
    stride,
  }: { readonly rank: number; readonly axis: number; readonly length: Whole; readonly stride: number },
): string {
  const { b } = g;
  const apart = b.node("Unsqueeze", [value, b.integers([axis + 1])]);
  const spread = padded(g, apart, rank + 1, new Map([[axis + 1, [0, stride - 1]]]));
  const shape = b.node("Shape", [value]);
  const before = b.node("Slice", [shape, b.integers([0]), b.integers([axis])]);
  const after = b.node("Slice", [shape, b.integers([axis + 1]), b.integers([rank])]);
  const dims = b.node("Concat", [before, wholes(g, [length]), after], { axis: 0 });
  return b.node("Reshape", [spread, dims]);
}

/**
 * One element along an axis: its gradient, with zeros around it. Several: the product with a matrix of zeros and ones, which adds up what went
 * to several places; unlike an operator that scatters, it works on all cores and always adds in the same order.
 */
const gather: GradientRule = (g, x, indices) => [
  () => {
    const { b, dY, node, rank } = g;
    const dimensions = rank(x);
    const axis = fromFront(intAttribute(node, "axis", 0), dimensions);
    const size = sizeOf(g, x, axis);
    const [only, ...more] = g.elements(indices) ?? [];
    if (only !== undefined && more.length === 0) {
      const kept = g.shape(indices)?.length === 1 ? dY : b.node("Unsqueeze", [dY, b.integers([axis])]);
      const before = only < 0 ? plus(g, size, only) : only;
      const after = plus(g, plus(g, size, before, -1), 1, -1);
      return padded(g, kept, dimensions, new Map([[axis, [before, after]]]));
    }
    const list = b.node("Reshape", [indices, b.integers([-1])]);
    let flat = dY;
    if (g.shape(indices)?.length !== 1) {
      const sizes = Array.from({ length: dimensions }, (_, i) =>
        i === axis ? b.node("Shape", [list]) : sizeOf(g, x, i),
      );
      flat = b.node("Reshape", [dY, wholes(g, sizes)]);
    }
    const matrix = scattering(g, list, size);
    return multiplied(g, matrix, flat, { rank: dimensions, axis });
  },
];

/** Zeros, to which the gradients are added where their elements came from. */
const gatherElements: GradientRule = ({ b, dY, node, dims, scalar }, x, indices) => [
  () => {
    const zeros = b.node("Expand", [scalar(0), dims(x)]);
    const axis = intAttribute(node, "axis", 0);
    return b.node("ScatterElements", [zeros, indices, dY], { axis, reduction: "add" });
  },
];

/**
 * Constants around x get no gradient: the inner part is cut out, by the opposite amounts. The other modes repeat elements of x. Which ones is
 * found by padding 0, 1, 2 and so on in the same way; then it is a selection by indices, axis by axis.
 */
const pad: GradientRule = (g, x, pads, constant = "", axesInput = "") => {
  const { b, dY, node, elements } = g;
  const mode = stringAttribute(node, "mode", "constant");
  const dX = () => {
    const known = elements(pads);
    if (mode === "constant") {
      const opposite = known ? b.integers(known.map((one) => -one)) : b.node("Neg", [pads]);
      return b.node("Pad", axesInput === "" ? [dY, opposite] : [dY, opposite, "", axesInput]);
    }
    const rank = g.rank(x);
    const axes = axesInput === "" ? Array.from({ length: rank }, (_, axis) => axis) : elements(axesInput);
    if (!axes) throw g.unsupported("of which the axes are known only when it runs");
    let gradient = dY;
    for (const [i, given] of axes.entries()) {
      const axis = fromFront(given, rank);
      const sides = [i, i + axes.length];
      if (known && sides.every((side) => known[side] === 0)) continue;
      const amounts = wholes(
        g,
        sides.map((side) => known?.[side] ?? b.node("Gather", [pads, b.integers([side])])),
      );
      const rows = sizeOf(g, x, axis);
      const places = b.node("Pad", [counted(g, rows), amounts], { mode });
      const matrix = scattering(g, places, rows);
      gradient = multiplied(g, matrix, gradient, { rank, axis });
    }
    return gradient;
  };
  return [
    dX,
    undefined,
    constant === ""
      ? undefined
      : () => {
          const total = (value: string) => b.node("ReduceSum", [value], { keepdims: 0 });
          return b.node("Reshape", [b.node("Sub", [total(dY), total(dX())]), g.dims(constant)]);
        },
  ];
};

/** Operators that take some elements, or put others around them. */
export const selection: GradientRules = {
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  Pad: pad,

  /** What was set to 0 gets no gradient. */
  Trilu: ({ b, dY, node }, _, k = "") => [
    () => b.node("Trilu", k === "" ? [dY] : [dY, k], { upper: intAttribute(node, "upper", 1) }),
  ],
};
