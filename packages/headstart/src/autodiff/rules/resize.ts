import { type Dim, elementTypeCode, float32, intsAttribute, stringAttribute } from "../../onnx/index.js";
import { fromFront, multiplied, sizeOf, type Whole, wholes } from "../along-axis.js";
import type { GradientContext, GradientRules } from "../rule.js";

/**
 * Resizing is linear in the picture and works axis by axis: y = M x along each, with a matrix M of weights that depends on sizes only. The
 * gradient is the product with M transposed (Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008, ch. 3), which is what the same
 * node makes of the identity matrix, resized along its second axis; so every mode and coordinate convention has the gradient that it defines.
 */
export const resize: GradientRules = {
  Resize: (g, x, roi = "", scales = "", sizes = "") => [
    () => {
      const { node, rank } = g;
      if (stringAttribute(node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize")
        throw g.unsupported(`whose region ${roi} has no gradient rule`);
      if (stringAttribute(node, "keep_aspect_ratio_policy", "stretch") !== "stretch")
        throw g.unsupported("which keeps the aspect ratio by itself");
      const dimensions = rank(x);
      const axes = intsAttribute(node, "axes") ?? Array.from({ length: dimensions }, (_, axis) => axis);
      const given = g.elements(scales === "" ? sizes : scales);
      let gradient = g.dY;
      for (const [i, one] of axes.entries()) {
        const axis = fromFront(one, dimensions);
        const [before, after] = [g.shape(x)?.[axis], g.shape(g.y)?.[axis]];
        const same = typeof before === "number" && before === after;
        if (scales === "" ? same : given?.[i] === 1) continue;
        const factor = copies(g, before, after, scales === "" ? undefined : given?.[i]);
        if (factor === undefined) {
          const matrix = weights(g, sizeOf(g, x, axis), { place: i, scales, sizes });
          gradient = multiplied(g, matrix, gradient, { rank: dimensions, axis });
        } else gradient = summed(g, gradient, dimensions, axis, factor);
      }
      return gradient;
    },
  ],
};

/** How often each element along an axis is copied, if all that resizing does is to copy each as often as the others. */
function copies({ node }: GradientContext, before?: Dim, after?: Dim, scale?: number): number | undefined {
  if (typeof before !== "number" || typeof after !== "number") return undefined;
  const factor = scale ?? after / before;
  if (!Number.isInteger(factor) || factor < 1 || before * factor !== after) return undefined;
  const rounding = stringAttribute(node, "nearest_mode", "round_prefer_floor");
  const coordinates = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const floors = coordinates === "asymmetric" && rounding === "floor";
  const rounds = coordinates === "half_pixel" && rounding.startsWith("round");
  return stringAttribute(node, "mode", "nearest") === "nearest" && (floors || rounds) ? factor : undefined;
}

/** Sums of every `factor` neighbours along an axis. */
function summed({ b }: GradientContext, value: string, rank: number, axis: number, factor: number): string {
  const shape = b.node("Shape", [value]);
  const part = (from: number, to: number) => b.node("Slice", [shape, b.integers([from]), b.integers([to])]);
  const blocks = b.node("Concat", [part(0, axis), b.integers([-1, factor]), part(axis + 1, rank)], {
    axis: 0,
  });
  return b.node("ReduceSum", [b.node("Reshape", [value, blocks]), b.integers([axis + 1])], { keepdims: 0 });
}

/** The transposed matrix of resizing along one axis, of which the scale or the size stands at a place of the node's list. */
function weights(
  g: GradientContext,
  size: Whole,
  { place, scales, sizes }: { readonly place: number; readonly scales: string; readonly sizes: string },
): string {
  const { b, node, y, type } = g;
  // ONNX Runtime resizes pictures of four dimensions, the first two of size 1, in every mode.
  const identity = b.node("EyeLike", [b.node("ConstantOfShape", [wholes(g, [size, size])])]);
  const picture = b.node("Unsqueeze", [identity, b.integers([0, 1])]);
  const entry = b.node("Gather", [scales === "" ? sizes : scales, b.integers([place])]);
  const list = (others: string[]) => b.node("Concat", [...others, entry], { axis: 0 });
  const target =
    scales === ""
      ? ["", "", list([wholes(g, [1, 1, size])])]
      : ["", list([b.constant("ones", float32([3], [1, 1, 1]))])];
  const {
    axes: _axes,
    keep_aspect_ratio_policy: _policy,
    ...attributes
  } = Object.fromEntries(node.attributes);
  const matrix = b.node("Squeeze", [b.node("Resize", [picture, ...target], attributes), b.integers([0, 1])]);
  return type(y) === "float32" ? matrix : b.node("Cast", [matrix], { to: elementTypeCode(type(y)) });
}
