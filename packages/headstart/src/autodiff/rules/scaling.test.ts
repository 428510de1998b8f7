import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float, float32 } from "../../onnx/index.js";

describe("scaling", () => {
  test("LRN over any number of neighbours", async () => {
    const drawn = shapes(4, 4).chain((dims) =>
      fc.record({ dims: fc.constant(dims), declared: declared(dims), size: fc.constantFrom(1, 3, 5) }),
    );
    await property(drawn, ({ size, ...x }, seed) =>
      checkGradients(
        [x],
        (b, value) => b.node("LRN", [value], { size, alpha: float(0.9), beta: float(0.6), bias: float(1.5) }),
        { seed, type: "float32" },
      ),
    );
  });

  test.each([1, 2])("LpNormalization with p = %d", async (p) => {
    const drawn = shapes(1, 4).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        declared: declared(dims),
        axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
      }),
    );
    await property(drawn, ({ axis, ...x }, seed) =>
      checkGradients([{ ...x, low: 0.2 }], (b, value) => b.node("LpNormalization", [value], { axis, p }), {
        seed,
        type: "float32",
      }),
    );
    const x = float32([2, 2], [0, 0, 3, 4]);
    const { x: found } = await gradientsOf((b) => b.node("LpNormalization", ["x"], { p }), { x });
    expect(found?.slice(0, 2)).toEqual([0, 0]);
  });

  test("RMSNormalization from any axis on", async () => {
    const drawn = shapes(1, 4).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        declared: declared(dims),
        axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
      }),
    );
    await property(drawn, ({ axis, ...x }, seed) =>
      checkGradients(
        [x, { dims: x.dims.slice(axis) }],
        (b, value, scale) => b.node("RMSNormalization", [value, scale], { axis, epsilon: float(0.1) }),
        { seed, type: "float32", opset: 23 },
      ),
    );
  });
});
