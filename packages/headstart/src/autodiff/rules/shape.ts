import { intAttribute, intsAttribute } from "../../onnx/index.js";
import { fromFront, sizeOf, wholes } from "../along-axis.js";
import { reduceTo } from "../broadcast.js";
import { type GradientRule, type GradientRules, ofAllOutputs } from "../rule.js";

/** The same elements in another shape: the gradient goes back to the shape of x. */
const reshaped: GradientRule = ({ b, dY, dims }, x) => [() => b.node("Reshape", [dY, dims(x)])];

/** Elements that only change places or are copied: so do their gradients, the other way round, and those of copies add up. */
export const shape: GradientRules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,

  /** The inverse permutation; without one the axes are reversed, which undoes itself. */
  Transpose: ({ b, node, dY }) => [
    () => {
      const perm = intsAttribute(node, "perm");
      return b.node("Transpose", [dY], perm ? { perm: perm.map((_, axis) => perm.indexOf(axis)) } : {});
    },
  ],

  Expand: (g, x) => [() => reduceTo(g, g.dY, x)],

  /** Each axis is seen as two, the copies and what is copied, of which the first are summed up. */
  Tile: (g, x, repeats) => [
    () => {
      const { b, dY, dims, rank } = g;
      const axes = Array.from({ length: rank(x) }, (_, axis) => axis);
      if (axes.length === 0) return dY;
      const known = g.elements(repeats);
      const times = axes.map((axis) => known?.[axis] ?? b.node("Gather", [repeats, b.integers([axis])]));
      const copied = axes.filter((axis) => times[axis] !== 1);
      if (copied.length === 0) return dY;
      const split = axes.flatMap((axis) => [
        ...(copied.includes(axis) ? [times[axis] ?? 1] : []),
        sizeOf(g, x, axis),
      ]);
      const sums = copied.map((axis, before) => axis + before);
      const apart = b.node("Reshape", [dY, wholes(g, split)]);
      return b.node("Reshape", [b.node("ReduceSum", [apart, b.integers(sums)], { keepdims: 0 }), dims(x)]);
    },
  ],

  /** Each input gets its part of the gradient. */
  Concat: (g, ...inputs) => {
    if (inputs.length === 1) return [() => g.dY];
    const axis = fromFront(intAttribute(g.node, "axis", 0), g.rank(inputs[0] ?? ""));
    const sizes = wholes(
      g,
      inputs.map((input) => sizeOf(g, input, axis)),
    );
    const parts = g.b.nodes("Split", [g.dY, sizes], inputs.length, { axis });
    return parts.map((part) => () => part);
  },

  Split: ofAllOutputs(({ b, node, dYs }) => [
    () => b.node("Concat", dYs, { axis: intAttribute(node, "axis", 0) }),
  ]),

  /** The opposite rearrangement. Blocks that lie outside of the channels (`CRD`) are first brought inside. */
  DepthToSpace: (g, x) => [
    () => {
      const { b, node, dY } = g;
      const blocksize = intAttribute(node, "blocksize", 1);
      const deep = b.node("SpaceToDepth", [dY], { blocksize });
      if (node.attributes.get("mode")?.value !== "CRD") return deep;
      const [first, rest] = [b.integers([0, blocksize ** 2, -1]), g.dims(x)];
      const flat = b.node("Flatten", [deep], { axis: 1 });
      const places = b.node("Reshape", [flat, first]);
      // [N, b b, C H W] to [N, b b, C, H W] and then [N, C, b b, H W].
      const pixels = wholes(g, [
        0,
        0,
        -1,
        b.node("ReduceProd", [b.node("Slice", [rest, b.integers([2]), b.integers([4])])]),
      ]);
      const moved = b.node("Transpose", [b.node("Reshape", [places, pixels])], { perm: [0, 2, 1, 3] });
      return b.node("Reshape", [moved, rest]);
    },
  ],

  SpaceToDepth: ({ b, node, dY }) => [
    () => b.node("DepthToSpace", [dY], { blocksize: intAttribute(node, "blocksize", 1) }),
  ],
};
