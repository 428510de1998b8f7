import fc from "fast-check";
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
import { float32, int64 } from "../../onnx/index.js";

/** Dimensions that broadcast to the given ones: any of them may be 1, any number of the first may be absent. */
function narrower(dims: readonly number[]): fc.Arbitrary<number[]> {
  const kept = fc.tuple(...dims.map((dim) => fc.constantFrom(dim, 1)));
  return fc.tuple(kept, fc.nat(dims.length)).map(([all, absent]) => all.slice(absent));
}

/** Two inputs away from zero whose shapes broadcast to each other, declared in every way. */
const pairs = shapes(0, 4)
  .chain((dims) => fc.tuple(narrower(dims), narrower(dims)))
  .chain(([left, right]) => fc.tuple(fc.constant([left, right]), declared(left), declared(right)))
  .map(([[left = [], right = []], ...known]): [CheckedInput, CheckedInput] => [
    { dims: left, declared: known[0], low: -2, high: -0.5 },
    { dims: right, declared: known[1], low: 0.5, high: 2 },
  ]);

describe("arithmetic with broadcasting", () => {
  test("Mod, the remainder with the sign of what is divided", async () => {
    // 2.1 to 2.4 lies between twice and three times 0.9 to 1, away from the steps.
    await property(pairs, ([left, right], seed) =>
      checkGradients(
        [
          { ...left, low: 2.1, high: 2.4 },
          { ...right, low: 0.9, high: 1 },
        ],
        (b, a, c) => b.node("Mod", [a, c], { fmod: 1 }),
        { seed },
      ),
    );
  });

  test.each(["Add", "Sub", "Mul", "Div"])("%s", async (op) => {
    await property(
      pairs,
      (inputs, seed) => checkGradients(inputs, (b, x, y) => b.node(op, [x, y]), { seed }),
      40,
    );
  });

  test.each(["Add", "Sub", "Mul", "Div"])("%s of a value with itself", async (op) => {
    const input = { dims: [2, 3], low: 0.5, high: 2 };
    await property(
      fc.constant([input]),
      (inputs, seed) => checkGradients(inputs, (b, x) => b.node(op, [x, x]), { seed }),
      3,
    );
  });
});

/** One to three inputs that broadcast to each other. */
const several = shapes(0, 3)
  .chain((dims) => fc.array(narrower(dims), { minLength: 1, maxLength: 3 }))
  .chain((all) => fc.tuple(...all.map((dims) => declared(dims).map((known) => ({ dims, declared: known })))));

describe("arithmetic on any number of values", () => {
  test.each([
    ["Sum", "float64"],
    ["Mean", "float32"],
    ["Max", "float64"],
    ["Min", "float64"],
  ] as const)("%s", async (op, type) => {
    await property(
      several,
      (inputs, seed) => checkGradients(inputs, (b, ...names) => b.node(op, names), { seed, type }),
      25,
    );
  });

  test("equal values share the gradient of Max and Min, as in PyTorch", async () => {
    const [x, z] = [float32([3], [1, 2, 3]), float32([1], [2])];
    expect(await gradientsOf((b) => b.node("Max", ["x", "z"]), { x, z })).toEqual({
      x: [0, 0.5, 1],
      z: [1.5],
    });
    expect(await gradientsOf((b) => b.node("Min", ["x", "z"]), { x, z })).toEqual({
      x: [1, 0.5, 0],
      z: [1.5],
    });
  });
});

describe("Pow", () => {
  test("by both of its inputs", async () => {
    const powers = pairs.map(([base, power]): [CheckedInput, CheckedInput] => [
      { ...base, low: 0.3, high: 2 },
      { ...power, low: -1.5, high: 2.5 },
    ]);
    await property(
      powers,
      (inputs, seed) => checkGradients(inputs, (b, x, y) => b.node("Pow", [x, y]), { seed }),
      25,
    );
  });

  test.each([-1, 0, 0.5, 1, 2, 3])("by the constant %d", async (power) => {
    await property(
      shapes(0, 3),
      (dims, seed) =>
        checkGradients([{ dims, low: 0.3, high: 2 }], (b, x) => b.node("Pow", [x, b.scalar(power)]), {
          seed,
        }),
      5,
    );
  });

  test("at 0 and below it is as in PyTorch", async () => {
    const x = float32([3], [-2, 0, 2]);
    const by = async (power: number) =>
      (await gradientsOf((b) => b.node("Pow", ["x", b.scalar(power)]), { x })).x;
    expect(await by(2)).toEqual([-4, 0, 4]);
    expect(await by(3)).toEqual([12, 0, 12]);
    expect(await by(1)).toEqual([1, 1, 1]);
    expect(await by(0)).toEqual([0, 0, 0]);
    const whole = int64([], [3]);
    const { x: found } = await gradientsOf((b) => b.node("Pow", ["x", b.constant("three", whole)]), { x });
    expect(found).toEqual([12, 0, 12]);
    const [base, p] = [float32([2], [0, 0]), float32([2], [0, 2])];
    expect(await gradientsOf((b) => b.node("Pow", ["base", "p"]), { base, p })).toEqual({
      base: [0, 0],
      p: [0, 0],
    });
  });
});

describe("Where", () => {
  test("the gradient goes where the element came from, broadcast or not", async () => {
    await property(pairs, (inputs, seed) =>
      checkGradients(
        inputs,
        (b, x, y) =>
          b.node("Where", [
            b.node("Greater", [b.node("Sin", [b.node("Mul", [x, y])]), typedScalar(b, "float64", -0.2)]),
            x,
            y,
          ]),
        { seed },
      ),
    );
  });

  test("an infinite gradient stays away from the side that was not taken", async () => {
    const x = float32([2], [0, 4]);
    const found = await gradientsOf(
      (b) => b.node("Sqrt", [b.node("Where", [b.node("Greater", ["x", b.scalar(0)]), "x", b.scalar(0)])]),
      { x },
    );
    expect(found).toEqual({ x: [0, 0.25] });
  });
});
