import { type Dim, stringAttribute } from "../graph.js";
import type { Known, NodeContext, ShapeRule } from "./context.js";

const gemm: ShapeRule = (node) => {
  const a = node.shape(0);
  const b = node.shape(1);
  if (a === undefined || b === undefined) return [{ type: node.type(0) }];
  node.expectRank(a, 2, "its first input");
  node.expectRank(b, 2, "its second input");
  const [rows = "?", inner = "?"] = node.int("transA", 0) === 1 ? [a[1], a[0]] : a;
  const [depth = "?", columns = "?"] = node.int("transB", 0) === 1 ? [b[1], b[0]] : b;
  node.same(inner, depth, "the inner size of the product");
  const c = node.has(2) ? node.shape(2) : undefined;
  if (c !== undefined && c.length > 2) node.expectRank(c, 2, "its third input");
  if (c !== undefined) node.broadcast([[rows, columns], c]);
  return [{ type: node.type(0), shape: [rows, columns] }];
};

function matMul(left: number, right: number, type: (node: NodeContext) => Known["type"]): ShapeRule {
  return (node) => {
    const a = node.shape(left);
    const b = node.shape(right);
    if (a === undefined || b === undefined) return [{ type: type(node) }];
    if (a.length === 0 || b.length === 0) throw node.error("a scalar is no matrix");
    const inner: Dim = a.at(-1) ?? "?";
    const depth: Dim = (b.length === 1 ? b[0] : b.at(-2)) ?? "?";
    node.same(inner, depth, "the inner size of the product");
    const shape = node.broadcast([a.slice(0, -2), b.slice(0, -2)]);
    if (a.length > 1) shape.push(a.at(-2) ?? "?");
    if (b.length > 1) shape.push(b.at(-1) ?? "?");
    return [{ type: type(node), shape }];
  };
}

/** Sums of products over named dimensions, such as `bij,bjk->bik`; equations with dots are not followed. */
const einsum: ShapeRule = (node) => {
  const type = node.type(0);
  const [left = "", result] = stringAttribute(node.node, "equation", "").replaceAll(" ", "").split("->");
  const terms = left.split(",");
  const sizes = new Map<string, Dim>();
  if (result === undefined || /\./.test(left + result) || terms.length !== node.inputs.length)
    return [{ type }];
  for (const [i, term] of terms.entries()) {
    const shape = node.shape(i);
    if (shape === undefined) return [{ type }];
    node.expectRank(shape, term.length, `its input ${i + 1}`);
    for (const [axis, letter] of [...term].entries())
      sizes.set(letter, node.same(sizes.get(letter) ?? "?", shape[axis] ?? "?", `the size of ${letter}`));
  }
  return [{ type, shape: Array.from(result, (letter) => sizes.get(letter) ?? "?") }];
};

/** As many rows as queries, each as wide as the values; heads are an axis or, in three dimensions, side by side. */
const attention: ShapeRule = (node) => {
  const type = node.type(0);
  const [q, k, v] = [node.shape(0), node.shape(1), node.shape(2)];
  if (q === undefined || v === undefined) return [{ type }];
  if (v.length !== q.length) throw node.error(`queries have ${q.length} dimensions and values ${v.length}`);
  if (k !== undefined) node.expectRank(k, q.length, "the keys");
  const [queries, values] = [node.int("q_num_heads", 1), node.int("kv_num_heads", 1)];
  if (q.length === 4) return [{ type, shape: [...q.slice(0, 3), v[3] ?? "?"] }];
  const { symbols } = node;
  const width = symbols.divideExactly(v[2] ?? "?", values);
  if (width === undefined) throw node.error(`${v[2]} values cannot be divided into ${values} heads`);
  return [{ type, shape: [...q.slice(0, 2), symbols.multiply(width, queries)] }];
};

/** Matrix products. */
export const MATRIX: Readonly<Record<string, ShapeRule>> = {
  Attention: attention,
  Einsum: einsum,
  Gemm: gemm,
  MatMul: matMul(0, 1, (node) => node.type(0)),
  MatMulInteger: matMul(0, 1, () => "int32"),
  QLinearMatMul: matMul(0, 3, (node) => node.type(7)),
};
