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
  Identity: {},
  Neg: {},
  Abs: {},
  Exp: {},
  Log: { low: 0.2, high: 3 },
  Sqrt: { low: 0.2, high: 3 },
  Reciprocal: { low: -2, high: -0.3 },
  Sin: { low: -4, high: 4 },
  Cos: { low: -4, high: 4 },
  Tan: {},
  Asin: { low: -0.9, high: 0.9 },
  Acos: { low: -0.9, high: 0.9 },
  Atan: { low: -3, high: 3 },
  Sinh: { low: -2, high: 2 },
  Cosh: { low: -2, high: 2 },
  Asinh: { low: -3, high: 3 },
  Acosh: { low: 1.3, high: 4 },
  Atanh: { low: -0.9, high: 0.9 },
  Erf: { low: -2, high: 2 },
};

/** ONNX Runtime has no float64 kernel of these. */
const SINGLE = new Set(["Erf", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"]);

describe("functions of one element", () => {
  test.each(Object.entries(DOMAINS))("%s", async (op, domain) => {
    const drawn = shapes(0, 4).chain((dims) =>
      declared(dims).map((known) => ({ ...domain, dims, declared: known })),
    );
    const type = SINGLE.has(op) ? "float32" : "float64";
    await property(drawn, (input, seed) =>
      checkGradients([input], (b, x) => b.node(op, [x]), { seed, type }),
    );
  });

  test("Erf at known places", async () => {
    const { x } = await gradientsOf((b) => b.node("Erf", ["x"]), { x: float32([3], [0, 1, -2]) });
    const expected = [1.1283791671, 0.4151074974, 0.0206669854];
    for (const [i, value] of expected.entries()) expect(x?.[i]).toBeCloseTo(value, 6);
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

  test("CastLike, too, and nothing goes to the value that only lends its type", async () => {
    await property(
      shapes(0, 3),
      (dims, seed) =>
        checkGradients(
          [{ dims }, { dims }],
          (b, x, other) => {
            const wide = b.node("CastLike", [x, typedScalar(b, "float64", 0)]);
            return b.node("Mul", [b.node("CastLike", [b.node("Exp", [wide]), other]), other]);
          },
          { seed, type: "float32" },
        ),
      5,
    );
  });

  test("at 0 the slope of Abs is 0, as in PyTorch", async () => {
    const x = float32([3], [-2, 0, 3]);
    expect(await gradientsOf((b) => b.node("Abs", ["x"]), { x })).toEqual({ x: [-1, 0, 1] });
  });
});
