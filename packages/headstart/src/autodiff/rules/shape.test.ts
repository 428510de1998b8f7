import fc from "fast-check";
import { describe, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";

const inputs = (least: number, most: number) =>
  shapes(least, most).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));

describe("values in another shape", () => {
  test.each([[[0, -1]], [[-1]], [[0, 0, -1]], [[1, -1, 1]], [[-1, 0]]])("Reshape to [%s]", async (target) => {
    const most = target[0] === -1 && target.length > 1 ? 2 : 4;
    const least = target.includes(0) ? 2 : 0;
    const fits = inputs(least, most).filter(({ dims }) =>
      target.every((dim, i) => dim !== 0 || i < dims.length),
    );
    await property(fits, (x, seed) =>
      checkGradients([x], (b, value) => b.node("Reshape", [value, b.integers(target)]), { seed }),
    );
  });

  test("Flatten at any axis", async () => {
    const drawn = inputs(1, 4).chain((x) =>
      fc.tuple(fc.constant(x), fc.integer({ min: -x.dims.length, max: x.dims.length })),
    );
    await property(drawn, ([x, axis], seed) =>
      checkGradients([x], (b, value) => b.node("Flatten", [value], { axis }), { seed }),
    );
  });

  test("Unsqueeze and Squeeze at given axes", async () => {
    await property(inputs(1, 3), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Unsqueeze", [value, b.integers([0, -1])]), { seed }),
    );
    const ones = inputs(1, 3).map(({ dims, declared: names }) => ({
      dims: [1, ...dims, 1],
      declared: [1, ...names, "?"],
    }));
    await property(ones, (x, seed) =>
      checkGradients([x], (b, value) => b.node("Squeeze", [value, b.integers([-1, 0])]), { seed }),
    );
  });

  test("Squeeze of every axis of size 1", async () => {
    await property(inputs(1, 4), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Squeeze", [value]), { seed }),
    );
  });

  test("Transpose by any permutation, and by none", async () => {
    const drawn = inputs(1, 4).chain((x) => {
      const axes = [...x.dims.keys()];
      return fc.tuple(fc.constant(x), fc.shuffledSubarray(axes, { minLength: axes.length }));
    });
    await property(drawn, ([x, perm], seed) =>
      checkGradients([x], (b, value) => b.node("Transpose", [value], { perm }), { seed }),
    );
    await property(inputs(0, 4), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Transpose", [value]), { seed }),
    );
  });
});
