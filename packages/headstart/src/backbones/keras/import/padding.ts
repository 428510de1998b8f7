import type { AttributeValue, Dim } from "../../../onnx/index.js";
import type { LayerCall } from "./context.js";
import { mapDim } from "./value.js";

/** How a window slides over a picture. */
export interface Window {
  readonly border: "valid" | "same";
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
}

/** Attributes of the operator, and the size of what it makes. */
export interface Sliding {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly size: readonly [Dim, Dim];
}

/**
 * How TensorFlow pads: `same` makes the output `ceil(size / stride)` and puts the odd pixel behind the end. The pads
 * are written out where the size is known or does not matter (stride 1); otherwise `SAME_UPPER` stands for the same
 * rule.
 *
 * @param call - the layer, for errors
 * @param size - height and width of the picture
 * @param window - the window
 */
export function slide(call: LayerCall, size: readonly [Dim, Dim], window: Window): Sliding {
  const [height, width] = [along(call, size, window, 0), along(call, size, window, 1)];
  const attributes = {
    kernel_shape: window.kernel,
    strides: window.strides,
    ...(window.dilations.some((dilation) => dilation !== 1) ? { dilations: window.dilations } : {}),
  };
  const made: readonly [Dim, Dim] = [height.size, width.size];
  if (height.pads === undefined || width.pads === undefined)
    return { attributes: { ...attributes, auto_pad: "SAME_UPPER" }, size: made };
  return {
    attributes: { ...attributes, pads: [height.pads[0], width.pads[0], height.pads[1], width.pads[1]] },
    size: made,
  };
}

function along(
  call: LayerCall,
  sizes: readonly [Dim, Dim],
  { border, kernel, strides, dilations }: Window,
  axis: 0 | 1,
): { readonly pads: readonly [number, number] | undefined; readonly size: Dim } {
  const [size, stride] = [sizes[axis], strides[axis]];
  const reach = (kernel[axis] - 1) * dilations[axis] + 1;
  if (border === "valid") {
    if (typeof size === "number" && size < reach)
      throw call.invalid(`its window of ${reach} does not fit into a picture of ${sizes.join(" x ")}`);
    return { pads: [0, 0], size: mapDim(size, (n) => Math.floor((n - reach) / stride) + 1) };
  }
  const made = mapDim(size, (n) => Math.ceil(n / stride));
  if (stride === 1) return { pads: split(reach - 1), size: made };
  if (typeof size !== "number" || typeof made !== "number") return { pads: undefined, size: made };
  return { pads: split(Math.max(0, (made - 1) * stride + reach - size)), size: made };
}

function split(total: number): [number, number] {
  const begin = Math.floor(total / 2);
  return [begin, total - begin];
}
