import fc from "fast-check";
import { describe, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";

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

describe("sums and means", () => {
  test.each(["ReduceSum", "ReduceMean"])("%s over any axes", async (op) => {
    await property(
      drawn,
      ({ axes, keepdims, noop, ...input }, seed) =>
        checkGradients(
          [input],
          (b, x) =>
            b.node(op, axes ? [x, b.integers(axes)] : [x], {
              ...(keepdims === undefined ? {} : { keepdims }),
              noop_with_empty_axes: noop,
            }),
          { seed },
        ),
      100,
    );
  });

  test("ReduceMean over axes that are an attribute, as before opset 18", async () => {
    const x = { dims: [2, 3, 4], declared: ["N", 3, "?"] };
    const drawn = fc.record({ keepdims: fc.nat(1), axes: fc.subarray([0, -2, 2], { minLength: 1 }) });
    await property(drawn, (attributes, seed) =>
      checkGradients([x], (b, value) => b.node("ReduceMean", [value], attributes), { seed, opset: 13 }),
    );
  });

  test("GlobalAveragePool over one, two and three axes", async () => {
    const images = shapes(3, 5).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));
    await property(images, (x, seed) =>
      checkGradients([x], (b, image) => b.node("GlobalAveragePool", [image]), { seed, type: "float32" }),
    );
  });
});
