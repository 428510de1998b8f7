import { type Dim, intsAttribute, stringAttribute } from "../onnx/index.js";
import type { GradientContext } from "./rule.js";

/** How a window slides along one spatial axis of an image `[N, C, ...]`, in a convolution or a pooling. */
export interface Window {
  /** Number of taps. */
  readonly kernel: number;
  readonly stride: number;
  /** Distance between taps. */
  readonly dilation: number;
  /** Padding before the axis and behind it. */
  readonly pads: readonly [number, number];
  /** From the first tap to the last, both included: (kernel - 1) dilation + 1. */
  readonly reach: number;
}

/**
 * The windows of a node's attributes, one for each spatial axis, with padding that the node leaves to be found (`auto_pad`) as numbers.
 *
 * @param image - the value of the given graph that the windows slide over
 * @param kernels - sizes of the windows; by default those of `kernel_shape`
 * @throws HeadstartError `UNSUPPORTED` if the padding or the windows' sizes depend on sizes that are not known
 */
export function windowsOf(g: GradientContext, image: string, kernels: readonly Dim[] = []): Window[] {
  const { node } = g;
  const [, , ...sizes] = g.shape(image) ?? [];
  const given = intsAttribute(node, "kernel_shape");
  const count = given?.length ?? kernels.length;
  if (count === 0) throw g.unsupported("whose window has no known number of axes");
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) =>
    intsAttribute(node, name),
  );
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  return Array.from({ length: count }, (_, i): Window => {
    const kernel = given?.[i] ?? kernels[i];
    if (typeof kernel !== "number") throw g.unsupported("whose window has no known size");
    const [stride, dilation] = [strides?.[i] ?? 1, dilations?.[i] ?? 1];
    const reach = (kernel - 1) * dilation + 1;
    const around = (): readonly [number, number] => {
      if (auto === "VALID") return [0, 0];
      if (auto === "NOTSET" || auto === "") return [pads?.[i] ?? 0, pads?.[i + count] ?? 0];
      // As many steps as the size divided by the stride, rounded up; an odd element goes behind (SAME_UPPER) or before (SAME_LOWER).
      const size = sizes[i];
      if (stride !== 1 && typeof size !== "number")
        throw g.unsupported(`whose padding (${auto}) depends on a size that is not known`);
      const total =
        typeof size === "number" ? (Math.ceil(size / stride) - 1) * stride + reach - size : reach - 1;
      // ONNX does not say what a stride beyond the window then leaves out, and ONNX Runtime's operators do not agree.
      if (total < -1) throw g.unsupported(`whose stride is too large for its padding (${auto})`);
      const [less, more] = [Math.max(Math.floor(total / 2), 0), Math.max(Math.ceil(total / 2), 0)];
      return auto === "SAME_LOWER" ? [more, less] : [less, more];
    };
    return { kernel, stride, dilation, pads: around(), reach };
  });
}

/** One number of every window. */
export function each(windows: readonly Window[], of: (window: Window) => number): number[] {
  return windows.map(of);
}

/** Padding of all windows as ONNX's `pads` has it: all beginnings, then all ends. */
export function padsOf(windows: readonly Window[]): number[] {
  return [...each(windows, ({ pads }) => pads[0]), ...each(windows, ({ pads }) => pads[1])];
}

/** The spatial sizes of a value of the given graph, if all are known. */
export function spatialSizes(g: GradientContext, value: string): readonly number[] | undefined {
  const sizes = g.shape(value)?.slice(2);
  return sizes?.every((size) => typeof size === "number") ? sizes : undefined;
}

/** The spatial sizes of a value of the given graph as an int64 list in the graph. */
export function spatialDims(g: GradientContext, value: string): string {
  const sizes = spatialSizes(g, value);
  if (sizes) return g.b.integers(sizes);
  return g.b.node("Slice", [g.dims(value), g.b.integers([2]), g.b.integers([Number.MAX_SAFE_INTEGER])]);
}

/**
 * A value in a shape that begins with numbers as `Reshape` takes them (0: as before, -1: what is left) and ends with the spatial sizes
 * of a value of the given graph.
 */
export function reshaped(g: GradientContext, value: string, lead: readonly number[], like: string): string {
  const { b } = g;
  const sizes = spatialSizes(g, like);
  const shape = sizes
    ? b.integers([...lead, ...sizes])
    : b.node("Concat", [b.integers(lead), spatialDims(g, like)], { axis: 0 });
  return b.node("Reshape", [value, shape]);
}

/**
 * The adjoint of sliding windows over an image with a filter (a transposed convolution): every element of `value` is multiplied with the
 * filter and added up where its window lay (Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, ch. 4).
 *
 * @param value - `[N, M, ...]`, with the spatial sizes of `from`
 * @param filter - `[M, C / group, ...]`
 * @param from - the value of the given graph that the windows made
 * @param to - the value of the given graph that they slid over
 * @returns `[N, C, ...]` with the spatial sizes of `to`
 */
export function spread(
  g: GradientContext,
  value: string,
  filter: string,
  windows: readonly Window[],
  group: number,
  from: string,
  to: string,
): string {
  const { b } = g;
  const attributes = {
    group,
    strides: each(windows, ({ stride }) => stride),
    dilations: each(windows, ({ dilation }) => dilation),
  };
  const [steps, sizes] = [spatialSizes(g, from), spatialSizes(g, to)];
  if (steps && sizes) {
    // What the last window does not reach is output_padding; what it reaches beyond the image is cut off.
    const beyond = windows.map(
      ({ stride, reach, pads }, i) => ((steps[i] ?? 1) - 1) * stride + reach - pads[0] - (sizes[i] ?? 0),
    );
    return b.node("ConvTranspose", [value, filter], {
      ...attributes,
      pads: [...each(windows, ({ pads }) => pads[0]), ...beyond.map((more) => Math.max(more, 0))],
      output_padding: beyond.map((more) => Math.max(-more, 0)),
    });
  }
  if (windows.every(({ stride }) => stride === 1))
    return b.node("ConvTranspose", [value, filter], { ...attributes, pads: padsOf(windows) });
  const whole = b.node("ConvTranspose", [value, filter], {
    ...attributes,
    output_padding: each(windows, ({ stride }) => stride - 1),
  });
  const begin = b.integers(each(windows, ({ pads }) => pads[0]));
  const end = b.node("Add", [begin, spatialDims(g, to)]);
  return b.node("Slice", [whole, begin, end, b.integers(windows.map((_, i) => i + 2))]);
}
