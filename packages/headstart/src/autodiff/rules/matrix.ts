import { float, floatAttribute, intAttribute } from "../../onnx/index.js";
import { reduceTo } from "../broadcast.js";
import type { GradientContext, GradientRule, GradientRules } from "../rule.js";

/**
 * y = alpha A B + beta C, A and B each maybe transposed. dA = alpha dY B^T and dB = alpha A^T dY (Giles, Collected matrix derivative
 * results for forward and reverse mode algorithmic differentiation, 2008, section 2.2.2), turned around where the input is transposed.
 */
const gemm: GradientRule = (g, a, b, c = "") => {
  const { node, dY } = g;
  const alpha = float(floatAttribute(node, "alpha", 1));
  const beta = floatAttribute(node, "beta", 1);
  const [transA, transB] = [intAttribute(node, "transA", 0), intAttribute(node, "transB", 0)];
  const product = (left: string, transA: number, right: string, transB: number) =>
    g.b.node("Gemm", [left, right], { alpha, transA, transB });
  return [
    () => (transA ? product(b, transB, dY, 1) : product(dY, 0, b, 1 - transB)),
    () => (transB ? product(dY, 1, a, transA) : product(a, 1 - transA, dY, 0)),
    () => {
      const sum = reduceTo(g, dY, c);
      return beta === 1 ? sum : g.b.node("Mul", [sum, g.scalar(beta)]);
    },
  ];
};

/**
 * y = A B as NumPy's matmul has it: a matrix product for the last two axes, the axes before them broadcast; a vector on the left is a row,
 * one on the right a column, whose axis y then lacks. dA = dY B^T and dB = A^T dY (Giles, as for Gemm), summed over what was broadcast.
 * With a matrix or vector on the right, all rows of A are one tall matrix, and dB is a single product.
 */
const matMul: GradientRule = (g, a, b) => {
  const [rankA, rankB] = [g.rank(a), g.rank(b)];
  const [row, column] = [rankA === 1, rankB === 1];
  const unsqueeze = (value: string, axis: number) => g.b.node("Unsqueeze", [value, g.b.integers([axis])]);
  const left = () => (row ? unsqueeze(a, 0) : a);
  const right = () => (column ? unsqueeze(b, 1) : b);
  const withColumn = column ? unsqueeze(g.dY, -1) : g.dY;
  const dY = row ? unsqueeze(withColumn, -2) : withColumn;
  const batch = g.shape(g.y)?.slice(0, Math.max(rankA, rankB, 2) - 2);
  const [shapeA, shapeB] = [g.shape(a) ?? [], g.shape(b) ?? []];
  if (rankB <= 2)
    return [
      () => {
        const product =
          rankA <= 2
            ? g.b.node("Gemm", [dY, right()], { transB: 1 })
            : g.b.node("MatMul", [dY, transposed(g, right(), 2)]);
        return row ? g.b.node("Squeeze", [product, g.b.integers([0])]) : product;
      },
      () => {
        const [rows, gradients] = rankA <= 2 ? [left(), dY] : [flattened(g, a), flattened(g, dY)];
        const product = g.b.node("Gemm", [rows, gradients], { transA: 1 });
        return column ? g.b.node("Squeeze", [product, g.b.integers([1])]) : product;
      },
    ];
  return [
    () => {
      const product = g.b.node("MatMul", [dY, transposed(g, b, rankB)]);
      return reduceTo(g, product, a, batch && [...batch, ...(row ? [1] : []), ...shapeA.slice(-2)]);
    },
    () => {
      const product = g.b.node("MatMul", [transposed(g, left(), Math.max(rankA, 2)), dY]);
      return reduceTo(g, product, b, batch && [...batch, ...shapeB.slice(-2)]);
    },
  ];
};

/** A value with its last two axes exchanged. */
function transposed({ b }: GradientContext, value: string, rank: number): string {
  const axes = [...Array(rank).keys()];
  return b.node("Transpose", [value], { perm: [...axes.slice(0, -2), rank - 1, rank - 2] });
}

/** A value as one matrix: its last axis is the columns, all others are the rows. */
function flattened({ b }: GradientContext, value: string): string {
  return b.node("Flatten", [value], { axis: -1 });
}

/** Products of matrices. */
export const matrix: GradientRules = { Gemm: gemm, MatMul: matMul };
