import { describe, expect, test } from "vitest";
import {
  type CheckedInput,
  checkGradients,
  declared,
  property,
  shapes,
  typedScalar,
} from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { elementTypeCode, float32 } from "../../onnx/index.js";

const DOMAINS: Readonly<Record<string, Omit<CheckedInput, "dims">>> = {
  Neg: {},
  Exp: {},
  Log: { low: 0.2, high: 3 },
  Sqrt: { low: 0.2, high: 3 },
  Sigmoid: { low: -4, high: 4 },
  Tanh: { low: -3, high: 3 },
  Relu: {},
  Identity: {},
};

describe("functions of one element", () => {
  test.each(Object.entries(DOMAINS))("%s", async (op, domain) => {
    const drawn = shapes(0, 4).chain((dims) =>
      declared(dims).map((known) => ({ ...domain, dims, declared: known })),
    );
    await property(drawn, (input, seed) => checkGradients([input], (b, x) => b.node(op, [x]), { seed }));
  });

  test.each([
    ["min and max", -0.3, 0.4],
    ["min", -0.3, undefined],
    ["max", undefined, 0.4],
    ["no bounds", undefined, undefined],
  ])("Clip with %s", async (_, min, max) => {
    const bound = (b: Parameters<typeof typedScalar>[0], value: number | undefined) =>
      value === undefined ? "" : typedScalar(b, "float64", value);
    await property(shapes(0, 3), (dims, seed) =>
      checkGradients([{ dims }], (b, x) => b.node("Clip", [x, bound(b, min), bound(b, max)]), { seed }),
    );
  });

  test("Cast goes back to the type it came from", async () => {
    const [to, back] = [elementTypeCode("float64"), elementTypeCode("float32")];
    await property(
      shapes(0, 3),
      (dims, seed) =>
        checkGradients(
          [{ dims }],
          (b, x) => b.node("Cast", [b.node("Exp", [b.node("Cast", [x], { to })])], { to: back }),
          { seed, type: "float32" },
        ),
      5,
    );
  });

  test("at the corner of Relu the gradient is 0, as in PyTorch", async () => {
    const x = float32([5], [-1, -0, 0, 1e-30, 2]);
    expect(await gradientsOf((b) => b.node("Relu", ["x"]), { x })).toEqual({ x: [0, 0, 0, 1, 1] });
  });

  test("where Relu and Clip pass no gradient, an infinite one does not become NaN", async () => {
    const x = float32([2], [-1, 4]);
    const upper = await gradientsOf((b) => b.node("Sqrt", [b.node("Relu", ["x"])]), { x });
    expect(upper).toEqual({ x: [0, 0.25] });
    const clipped = await gradientsOf((b) => b.node("Log", [b.node("Clip", ["x", b.scalar(0)])]), { x });
    expect(clipped).toEqual({ x: [0, 0.25] });
  });

  test("at the bounds of Clip the gradient passes, as in PyTorch", async () => {
    const x = float32([6], [-1, 0, 0.5, 6, 7, 5.9999995]);
    expect(await gradientsOf((b) => b.node("Clip", ["x", b.scalar(0), b.scalar(6)]), { x })).toEqual({
      x: [0, 1, 1, 1, 0, 1],
    });
  });
});
