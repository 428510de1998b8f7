import fc from "fast-check";
import { describe, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";

const drawn = shapes(1, 4).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    declared: declared(dims),
    axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
  }),
);

describe.each(["Softmax", "LogSoftmax"])("%s", (op) => {
  test("along any axis", async () => {
    await property(
      drawn,
      ({ axis, ...input }, seed) =>
        checkGradients([{ ...input, low: -3, high: 3 }], (b, x) => b.node(op, [x], { axis }), { seed }),
      40,
    );
  });

  test("along the last axis by default", async () => {
    await property(
      shapes(1, 3),
      (dims, seed) => checkGradients([{ dims }], (b, x) => b.node(op, [x]), { seed }),
      10,
    );
  });
});
