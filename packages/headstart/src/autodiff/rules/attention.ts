import { type Dim, floatAttribute, intAttribute } from "../../onnx/index.js";
import { reduceTo } from "../broadcast.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/** What stands in for minus infinity where a mask shuts an element out. */
const SHUT = -3e38;

/**
 * Y = P V with P = softmax(scale Q K' + mask), each head apart (Vaswani et al., Attention is all you need, 2017, section 3.2). P is
 * computed once more. With the product rule and the softmax's slope, dV = P' dY, dS = P (dP - sum(P dP)) with dP = dY V', dQ = scale dS
 * K, dK = scale dS' Q, and the mask gets dS.
 */
const attention: GradientRule = (g, q, k = "", v = "", mask = "", pastKey = "") => {
  const { b, node } = g;
  if (pastKey !== "") throw g.unsupported("which goes on from earlier keys");
  if (floatAttribute(node, "softcap", 0) !== 0) throw g.unsupported("whose softcap is not 0");
  const flat = g.rank(q) === 3;
  const headsOf = (value: string, name: string): Dim =>
    flat ? intAttribute(node, name, 1) : (g.shape(value)?.[1] ?? "?");
  const heads = headsOf(q, "q_num_heads");
  if (heads === "?" || heads !== headsOf(k, "kv_num_heads"))
    throw g.unsupported("whose keys are not known to have as many heads as its queries");
  const apart = (value: string) =>
    flat
      ? b.node("Transpose", [b.node("Reshape", [value, b.integers([0, 0, Number(heads), -1])])], {
          perm: [0, 2, 1, 3],
        })
      : value;
  const together = (value: string) =>
    flat
      ? b.node("Reshape", [b.node("Transpose", [value], { perm: [0, 2, 1, 3] }), b.integers([0, 0, -1])])
      : value;
  const turned = (value: string) => b.node("Transpose", [value], { perm: [0, 1, 3, 2] });

  const [queries, keys, dY] = [apart(q), apart(k), apart(g.dY)];
  const scale = scaleOf(g, q, queries, flat ? heads : 1);
  const scores = b.node("Mul", [b.node("MatMul", [queries, turned(keys)]), scale]);
  const p = b.node("Softmax", [masked(g, scores, mask)], { axis: -1 });
  const slopes = once(() => {
    const dP = b.node("MatMul", [dY, turned(apart(v))]);
    const sum = b.node("ReduceSum", [b.node("Mul", [p, dP]), b.integers([-1])], { keepdims: 1 });
    return b.node("Mul", [p, b.node("Sub", [dP, sum])]);
  });
  const scaled = once(() => b.node("Mul", [slopes(), scale]));
  const place = (value: string): Dim => g.shape(value)?.[flat ? 1 : 2] ?? "?";
  return [
    () => together(b.node("MatMul", [scaled(), keys])),
    () => together(b.node("MatMul", [turned(scaled()), queries])),
    () => together(b.node("MatMul", [turned(p), dY])),
    () => reduceTo(g, slopes(), mask, [g.shape(q)?.[0] ?? "?", heads, place(q), place(k)]),
  ];
};

/** The factor of the products: the attribute, or 1 / sqrt(size of a head). */
function scaleOf(g: GradientContext, q: string, queries: string, heads: Dim): string {
  const { b, node, scalar } = g;
  const given = floatAttribute(node, "scale", 0);
  if (given !== 0) return scalar(given);
  const size = g.shape(q)?.at(-1);
  if (typeof size === "number" && typeof heads === "number") return scalar(1 / Math.sqrt(size / heads));
  const found = b.node("Squeeze", [
    b.node("Slice", [b.node("Shape", [queries]), b.integers([3]), b.integers([4])]),
  ]);
  return b.node("Reciprocal", [b.node("Sqrt", [b.node("CastLike", [found, scalar(1)])])]);
}

/** Scores, with a number added for each by a mask, or shut out where the mask says no or keys come after their query. */
function masked(g: GradientContext, scores: string, mask: string): string {
  const { b, node, scalar, type } = g;
  let result = scores;
  if (intAttribute(node, "is_causal", 0) === 1) {
    const square = b.node("Slice", [b.node("Shape", [scores]), b.integers([2]), b.integers([4])]);
    const before = b.node("Trilu", [b.node("Expand", [scalar(1), square])], { upper: 0 });
    result = b.node("Where", [b.node("Greater", [before, scalar(0)]), result, scalar(SHUT)]);
  }
  if (mask === "") return result;
  return type(mask) === "bool"
    ? b.node("Where", [mask, result, scalar(SHUT)])
    : b.node("Add", [result, mask]);
}

/** A value that is made when it is first asked for. */
function once(make: () => string): () => string {
  let made: string | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Attention as one operator, which newer exporters write for vision transformers. */
export const attentions: GradientRules = { Attention: attention };
