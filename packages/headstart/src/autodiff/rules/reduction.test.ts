import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32 } from "../../onnx/index.js";

/** Shapes with axes to reduce, from either end; undefined for axes that are not given. */
const drawn = shapes(0, 4).chain((dims) => {
  const axes = fc
    .subarray([...dims.keys()])
    .chain((chosen) => fc.tuple(...chosen.map((axis) => fc.constantFrom(axis, axis - dims.length))));
  return fc.record({
    dims: fc.constant(dims),
    declared: declared(dims),
    axes: fc.option(axes, { nil: undefined }),
    keepdims: fc.constantFrom(undefined, 0, 1),
    noop: fc.nat(1),
  });
});

/** Reductions, and what they are drawn from; extremes have no slope where elements are equal, which draws never are. */
const REDUCTIONS: Readonly<Record<string, { low?: number; high?: number; type?: "float32"; runs?: number }>> =
  {
    ReduceSum: { runs: 60 },
    ReduceMean: { runs: 60 },
    ReduceMax: {},
    ReduceMin: {},
    ReduceL1: { type: "float32", low: 0.2 },
    ReduceL2: { type: "float32", low: 0.2 },
    ReduceSumSquare: {},
    ReduceProd: { type: "float32", low: 0.3, high: 1.2 },
    ReduceLogSum: { type: "float32", low: 0.3, high: 2 },
    ReduceLogSumExp: {},
  };

describe("reductions", () => {
  test.each(Object.entries(REDUCTIONS))("%s over any axes", async (op, { type, runs = 20, ...range }) => {
    await property(
      fc.noBias(drawn),
      ({ axes, keepdims, noop, ...input }, seed) =>
        checkGradients(
          [{ ...input, ...range }],
          (b, x) =>
            b.node(op, axes ? [x, b.integers(axes)] : [x], {
              ...(keepdims === undefined ? {} : { keepdims }),
              noop_with_empty_axes: noop,
            }),
          { seed, type: type ?? "float64" },
        ),
      runs,
    );
  });

  test.each(Object.entries(REDUCTIONS))("%s over axes that are dropped", async (op, { type, low, high }) => {
    const x = { dims: [2, 3, 4], declared: ["N", 3, "?"], ...(low && { low }), ...(high && { high }) };
    const axes = fc.subarray([0, 1, 2], { minLength: 1, maxLength: 2 });
    await property(
      axes,
      (chosen, seed) =>
        checkGradients([x], (b, value) => b.node(op, [value, b.integers(chosen)], { keepdims: 0 }), {
          seed,
          type: type ?? "float64",
        }),
      8,
    );
  });

  test.each(["ReduceMean", "ReduceMax", "ReduceProd"])(
    "%s over axes that are an attribute, as before opset 18",
    async (op) => {
      const x = { dims: [2, 3, 4], declared: ["N", 3, "?"] };
      const drawn = fc.record({ keepdims: fc.nat(1), axes: fc.subarray([0, -2, 2], { minLength: 1 }) });
      await property(drawn, (attributes, seed) =>
        checkGradients([x], (b, value) => b.node(op, [value], attributes), { seed, opset: 16 }),
      );
    },
  );

  test("a product has the slope of its other elements, zeros among them or not", async () => {
    const x = float32([4, 3], [2, 3, 4, 0, 3, 4, 0, 0, 4, 0, 0, 0]);
    const of = await gradientsOf((b) => b.node("ReduceProd", ["x", b.integers([1])], { keepdims: 0 }), { x });
    expect(of.x).toEqual([12, 8, 6, 12, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("CumSum from either end, with its own element or without", async () => {
    const drawn = shapes(1, 3).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        declared: declared(dims),
        axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
        exclusive: fc.nat(1),
        reverse: fc.nat(1),
      }),
    );
    await property(drawn, ({ axis, exclusive, reverse, ...x }, seed) =>
      checkGradients(
        [x],
        (b, value) => b.node("CumSum", [value, b.integers([axis])], { exclusive, reverse }),
        { seed },
      ),
    );
  });

  test("GlobalAveragePool over one, two and three axes", async () => {
    const images = shapes(3, 5).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));
    await property(images, (x, seed) =>
      checkGradients([x], (b, image) => b.node("GlobalAveragePool", [image]), { seed, type: "float32" }),
    );
  });

  test("equal elements share the gradient of an extreme, as in PyTorch's amax", async () => {
    const x = float32([2, 3], [1, 5, 5, 2, 2, 2]);
    const of = async (op: string) =>
      (await gradientsOf((b) => b.node(op, ["x", b.integers([1])], { keepdims: 0 }), { x })).x;
    expect(await of("ReduceMax")).toEqual([
      0,
      0.5,
      0.5,
      expect.closeTo(1 / 3),
      expect.closeTo(1 / 3),
      expect.closeTo(1 / 3),
    ]);
    expect(await of("ReduceMin")).toEqual([
      1,
      0,
      0,
      expect.closeTo(1 / 3),
      expect.closeTo(1 / 3),
      expect.closeTo(1 / 3),
    ]);
  });

  test("a norm of 0 has the gradient 0, as in PyTorch", async () => {
    const x = float32([2, 2], [0, 0, 3, -4]);
    const norm = (op: string) =>
      gradientsOf((b) => b.node(op, ["x", b.integers([1])], { keepdims: 0 }), { x });
    expect((await norm("ReduceL2")).x).toEqual([0, 0, expect.closeTo(0.6), expect.closeTo(-0.8)]);
    expect((await norm("ReduceL1")).x).toEqual([0, 0, 1, -1]);
  });
});
