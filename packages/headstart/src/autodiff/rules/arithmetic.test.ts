import fc from "fast-check";
import { describe, test } from "vitest";
import {
  type CheckedInput,
  checkGradients,
  declared,
  property,
  shapes,
} from "../../../test/support/check-gradients.js";

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
  test.each(["Add", "Sub", "Mul", "Div"])("%s", async (op) => {
    await property(
      pairs,
      (inputs, seed) => checkGradients(inputs, (b, x, y) => b.node(op, [x, y]), { seed }),
      60,
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
