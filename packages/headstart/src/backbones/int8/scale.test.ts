import fc from "fast-check";
import { expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { float32, floats, GraphBuilder } from "../../onnx/index.js";
import { scaleOf } from "./scale.js";

test.each([
  // ONNX's example of DynamicQuantizeLinear, which takes scale and zero point from a range the same way.
  { min: -2.5, max: 2, scale: 0.0176470596, zeroPoint: 142 },
  { min: 0, max: 6, scale: 6 / 255, zeroPoint: 0 },
  // Zero is within even where no value comes near it.
  { min: 1, max: 5.1, scale: 0.02, zeroPoint: 0 },
  { min: -5.1, max: -1, scale: 0.02, zeroPoint: 255 },
  { min: -127 / 128, max: 1, scale: 1 / 128, zeroPoint: 127 },
])("covers $min to $max", ({ min, max, scale, zeroPoint }) => {
  const found = scaleOf({ min, max });
  expect(found.scale).toBeCloseTo(scale, 8);
  expect(found.zeroPoint).toBe(zeroPoint);
});

test("a tensor that is always 0 has some scale", () => {
  expect(scaleOf({ min: 0, max: 0 })).toEqual({ scale: 2 ** -100, zeroPoint: 0 });
});

test("every value of the range comes back within half a step, and 0 as 0", async () => {
  const bound = fc.double({ min: -1e3, max: 1e3, noNaN: true });
  await fc.assert(
    fc.asyncProperty(bound, bound, async (a, b) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      fc.pre(max - min > 1e-3);
      const { scale, zeroPoint } = scaleOf({ min, max });
      const builder = new GraphBuilder("g");
      const x = builder.input("x", "float32", ["N"]);
      const constants = [
        builder.scalar(scale),
        builder.constant("zero", { type: "uint8", dims: [], data: Uint8Array.of(zeroPoint) }),
      ];
      const stored = builder.node("QuantizeLinear", [x, ...constants]);
      builder.output("y", "float32", ["N"], builder.node("DequantizeLinear", [stored, ...constants]));
      const values = [0, ...Array.from({ length: 20 }, (_, i) => min + ((max - min) * i) / 19)];
      const { y } = await runGraph(builder.build(), { x: float32([values.length], values) });
      const found = y ? floats(y) : [];
      expect(found[0]).toBe(0);
      // The zero point is rounded too, so that an end may lie half a step further out.
      for (const [i, value] of values.entries())
        expect(Math.abs((found[i] ?? Number.NaN) - value)).toBeLessThan(scale * 1.001);
    }),
    { numRuns: 20 },
  );
});
