import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learningRateAt, type Schedule } from "./schedules.js";

// The figures of cosine and one-cycle were computed by a Python program written from the formulas that PyTorch documents.
describe("learningRateAt", () => {
  test("constant stays", () => {
    expect(rates({ kind: "constant" }, 3)).toEqual([0.1, 0.1, 0.1]);
  });

  test("cosine falls as CosineAnnealingLR does with T_max = steps", () => {
    expectClose(
      rates({ kind: "cosine" }, 10),
      [
        0.1, 0.09755282581475769, 0.09045084971874738, 0.07938926261462366, 0.06545084971874737, 0.05,
        0.03454915028125263, 0.02061073738537635, 0.009549150281252633, 0.0024471741852423235,
      ],
    );
  });

  test("one-cycle rises and falls as OneCycleLR does", () => {
    expectClose(
      rates({ kind: "one-cycle" }, 10),
      [
        0.004, 0.052, 0.1, 0.09504846320134738, 0.0811745653949763, 0.06112620219362893, 0.03887419780637107,
        0.0188258346050237, 0.004951936798652629, 4e-7,
      ],
    );
  });

  test("one-cycle, where the top falls between two steps", () => {
    expectClose(
      rates({ kind: "one-cycle" }, 17),
      [
        0.004, 0.017414963507162234, 0.05016146878287831, 0.08393563360794715, 0.09985915845681954,
        0.09859529531534861, 0.09384077073908052, 0.08604845310827204, 0.0757582863145874,
        0.06368329477100614, 0.05066017665062079, 0.037591327545177175, 0.025382311829729463,
        0.014879114456524189, 0.006809521115685773, 0.0017326886382157984, 4e-7,
      ],
    );
  });

  test("warm-up rises in a straight line and meets the schedule without a repeated step", () => {
    expectClose(rates({ kind: "constant", warmup: 0.3 }, 10).slice(0, 5), [0.025, 0.05, 0.075, 0.1, 0.1]);
    expectClose(rates({ kind: "cosine", warmup: 0.5 }, 4), [0.1 / 3, 0.2 / 3, 0.1, 0.05]);
  });

  test("is always a rate between 0 and the base rate, however few the steps", () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            kind: fc.constantFrom("constant" as const, "cosine" as const, "one-cycle" as const),
            warmup: fc.double({ min: 0, max: 1, noNaN: true }),
          },
          { requiredKeys: ["kind"] },
        ),
        fc.integer({ min: 1, max: 50 }),
        (schedule, steps) => {
          for (const rate of rates(schedule, steps)) {
            expect(rate).toBeGreaterThan(0);
            expect(rate).toBeLessThanOrEqual(0.1 * (1 + 1e-12));
          }
        },
      ),
    );
  });
});

function rates(schedule: Schedule, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => learningRateAt(schedule, 0.1, step, steps));
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 12);
}
