import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { niceTicks } from "./ticks.js";

describe("niceTicks", () => {
  test("steps by round numbers", () => {
    expect(niceTicks(0, 1.3, 6)).toEqual([0, 0.5, 1, 1.5]);
    expect(niceTicks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(niceTicks(0.46, 1, 6)).toEqual([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  });

  test("counts epochs by whole numbers", () => {
    expect(niceTicks(1, 3, 10, 1)).toEqual([1, 2, 3]);
    expect(niceTicks(1, 20, 10, 1)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
  });

  test("goes one step where there is no span", () => {
    expect(niceTicks(0, 0, 6).length).toBeGreaterThan(1);
    expect(niceTicks(5, 5, 6, 1).length).toBeGreaterThan(1);
  });

  test("covers the span with a handful of rising numbers", () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (low, span) => {
        const high = low + span;
        fc.pre(high - low > Math.abs(low) * 1e-9);
        const ticks = niceTicks(low, high, 6);
        expect(ticks[0]).toBeLessThanOrEqual(low + span * 1e-6);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(high - span * 1e-6);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(12);
        expect([...new Set(ticks)].sort((a, b) => a - b)).toEqual(ticks);
      }),
    );
  });
});
