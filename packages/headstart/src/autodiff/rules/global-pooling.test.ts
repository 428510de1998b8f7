import fc from "fast-check";
import { expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32 } from "../../onnx/index.js";

test("GlobalLpPool has the slope that central differences find", async () => {
  const drawn = shapes(3, 5).chain((dims) =>
    fc.record({ dims: fc.constant(dims), declared: declared(dims), p: fc.integer({ min: 1, max: 3 }) }),
  );
  await property(drawn, ({ p, ...x }, seed) =>
    checkGradients([{ ...x, low: 0.2 }], (b, image) => b.node("GlobalLpPool", [image], { p }), {
      seed,
      type: "float32",
    }),
  );
});

test("a channel of zeros has the gradient 0", async () => {
  const x = float32([1, 2, 2], [0, 0, -3, 4]);
  const { x: found = [] } = await gradientsOf((b) => b.node("GlobalLpPool", ["x"]), { x });
  for (const [i, slope] of [0, 0, -0.6, 0.8].entries()) expect(found[i]).toBeCloseTo(slope, 6);
});
