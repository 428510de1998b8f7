import fc from "fast-check";
import { describe, test } from "vitest";
import { checkGradients, declared, property, typedScalar } from "../../../test/support/check-gradients.js";
import { float } from "../../onnx/index.js";

const size = fc.integer({ min: 1, max: 4 });
const scale = fc.constantFrom(1, 0.5, -2);

describe("Gemm", () => {
  const gemms = fc
    .record({ m: size, k: size, n: size, transA: fc.nat(1), transB: fc.nat(1), alpha: scale, beta: scale })
    .chain((g) => {
      const a = g.transA ? [g.k, g.m] : [g.m, g.k];
      const b = g.transB ? [g.n, g.k] : [g.k, g.n];
      const biases = fc.constantFrom([g.m, g.n], [1, g.n], [g.m, 1], [g.n], [1], [], undefined);
      return biases.chain((c) => {
        const dims = c ? [a, b, c] : [a, b];
        const inputs = dims.map((known) =>
          declared(known).map((names) => ({ dims: known, declared: names })),
        );
        return fc.tuple(fc.constant(g), fc.tuple(...inputs));
      });
    });

  test("with every transposition, factor and bias", async () => {
    await property(
      gemms,
      ([{ transA, transB, alpha, beta }, inputs], seed) => {
        const attributes = { transA, transB, alpha: float(alpha), beta: float(beta) };
        return checkGradients(inputs, (b, ...names) => b.node("Gemm", names, attributes), { seed });
      },
      120,
    );
  });

  test("of a matrix with itself", async () => {
    const build = (transA: number) =>
      property(
        fc.constant({ dims: [3, 3] }),
        (x, seed) => checkGradients([x], (b, a) => b.node("Gemm", [a, a, a], { transA }), { seed }),
        2,
      );
    await build(0);
    await build(1);
  });
});

describe("MatMul", () => {
  /** Batch axes that broadcast to each other. */
  const batches = fc.array(fc.tuple(size, fc.constantFrom("both", "left", "right")), { maxLength: 2 });
  const factors = fc
    .record({ m: size, k: size, n: size, batches, absentA: fc.nat(2), absentB: fc.nat(2) })
    .map(({ m, k, n, batches: axes, absentA, absentB }) => {
      const left = axes.map(([dim, where]) => (where === "right" ? 1 : dim)).slice(absentA);
      const right = axes.map(([dim, where]) => (where === "left" ? 1 : dim)).slice(absentB);
      return [
        [...left, m, k],
        [...right, k, n],
      ] as const;
    });
  const vectors = factors.chain(([a, b]) =>
    fc.constantFrom([a, b], [a.slice(-1), b], [a, b.slice(-2, -1)], [a.slice(-1), b.slice(-2, -1)]),
  );
  const inputs = vectors.chain((both) =>
    fc.tuple(...both.map((dims) => declared(dims).map((names) => ({ dims, declared: names })))),
  );

  test("with vectors, matrices and batches", async () => {
    await property(
      inputs,
      (both, seed) => checkGradients(both, (b, x, y) => b.node("MatMul", [x, y]), { seed }),
      200,
    );
  });

  test("of a matrix with itself, scaled", async () => {
    await property(
      fc.constant({ dims: [2, 3, 3] }),
      (x, seed) =>
        checkGradients(
          [x],
          (b, a) => b.node("Mul", [b.node("MatMul", [a, a]), typedScalar(b, "float64", 3)]),
          { seed },
        ),
      3,
    );
  });
});
