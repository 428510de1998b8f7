import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dim } from "../graph.js";
import { Symbols } from "./symbols.js";

/** The value of an expression for given sizes; names are letters, and `floor` is the only function. */
function evaluate(dim: Dim, sizes: Record<string, number>): number {
  if (typeof dim === "number") return dim;
  const code = dim.replaceAll("floor", "Math.floor");
  return Number(new Function(...Object.keys(sizes), `return ${code};`)(...Object.values(sizes)));
}

describe("Symbols", () => {
  const s = new Symbols();

  test("gives equal sizes equal names", () => {
    expect(s.add(s.add("H", 1), 2)).toBe("H + 3");
    expect(s.subtract(s.add("H", 3), 3)).toBe("H");
    expect(s.subtract("H", "H")).toBe(0);
    expect(s.multiply("W", "H")).toBe(s.multiply("H", "W"));
    expect(s.multiply(s.add("H", 1), 2)).toBe("2*H + 2");
    expect(s.product(["N", 3, 4])).toBe("12*N");
    expect(s.product([])).toBe(1);
  });

  test("follows strides", () => {
    const half = s.add(s.floorDivide(s.subtract("H", 1), 2), 1);
    expect(half).toBe("floor((H + 1)/2)");
    expect(s.ceilDivide("H", 2)).toBe(half);
    expect(s.ceilDivide(half, 2)).toBe(s.ceilDivide("H", 4));
    expect(s.floorDivide(s.multiply("H", 4), 2)).toBe("2*H");
    expect(s.floorDivide(7, 2)).toBe(3);
    expect(s.ceilDivide(7, 2)).toBe(4);
  });

  test("divides exactly, or not at all", () => {
    expect(s.divideExactly(s.product(["N", "H", 6]), s.multiply("N", 3))).toBe("2*H");
    expect(s.divideExactly(12, 4)).toBe(3);
    expect(s.divideExactly(12, 5)).toBeUndefined();
    expect(s.divideExactly("N", "N")).toBe(1);
    expect(s.divideExactly("N", 2)).toBe("?");
    expect(s.divideExactly("N", s.add("N", 1))).toBe("?");
  });

  test("gives up what cannot be expressed", () => {
    expect(s.add("?", 1)).toBe("?");
    expect(s.multiply("?", 0)).toBe(0);
    expect(s.multiply("H", 0.5)).toBe("?");
    let long: Dim = "a";
    for (let i = 0; i < 40; i++) long = s.add(s.multiply(long, `name${i}`), 1);
    expect(long).toBe("?");
  });

  test("keeps the value, whatever the order", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom("add", "subtract", "multiply"),
        by: fc.oneof(fc.integer({ min: -3, max: 5 }), fc.constantFrom("H", "W")),
      }),
      fc.record({ kind: fc.constantFrom("floor", "ceil"), by: fc.integer({ min: 1, max: 5 }) }),
    );
    const check = fc.property(
      fc.array(step, { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (steps, H, W) => {
        const symbols = new Symbols();
        let dim: Dim = "H";
        let value = H;
        for (const { kind, by } of steps) {
          const number = typeof by === "number" ? by : by === "H" ? H : W;
          if (kind === "add") [dim, value] = [symbols.add(dim, by), value + number];
          else if (kind === "subtract") [dim, value] = [symbols.subtract(dim, by), value - number];
          else if (kind === "multiply") [dim, value] = [symbols.multiply(dim, by), value * number];
          else if (kind === "floor")
            [dim, value] = [symbols.floorDivide(dim, number), Math.floor(value / number)];
          else [dim, value] = [symbols.ceilDivide(dim, number), Math.ceil(value / number)];
          if (dim === "?") return;
          expect(evaluate(dim, { H, W }) + 0).toBe(value + 0);
        }
      },
    );
    fc.assert(check, { seed: 7, numRuns: 1000 });
  });
});
