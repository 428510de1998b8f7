import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bulk, drawStepLine, type StepPoint, stepLines, thin } from "./steps.js";

function steps(count: number, loss: (step: number) => number): StepPoint[] {
  return Array.from({ length: count }, (_, index) => ({
    step: index + 1,
    epoch: (index + 1) / 100,
    loss: loss(index + 1),
    accuracy: null,
    learningRate: 0.1,
  }));
}

const lossOf = ({ loss }: StepPoint) => loss;

describe("stepLines", () => {
  test("shows few steps as they are", () => {
    expect(stepLines(steps(50, Math.sqrt), lossOf).map(({ name }) => name)).toEqual(["each step"]);
  });

  test("smooths many, and says over how many", () => {
    const names = (count: number) => stepLines(steps(count, Math.sqrt), lossOf).map(({ name }) => name);
    expect(names(51)).toEqual(["each step", "mean of about 10 steps"]);
    expect(names(2000)).toEqual(["each step", "mean of about 40 steps"]);
    const [, smooth] = stepLines(
      steps(200, (step) => step % 2),
      lossOf,
    );
    expect(smooth?.values[199]).toBeCloseTo(0.5, 1);
  });

  test("has no line for what was never measured", () => {
    expect(
      stepLines(
        steps(60, () => Number.NaN),
        lossOf,
      ),
    ).toEqual([]);
    expect(stepLines(steps(60, Math.sqrt), ({ accuracy }) => accuracy)).toEqual([]);
    expect(stepLines([], lossOf)).toEqual([]);
  });
});

describe("bulk", () => {
  test("leaves the outermost fiftieth out on either side", () => {
    const line = {
      name: "",
      colour: "",
      thickness: 1,
      epochs: [],
      values: Array.from({ length: 100 }, (_, i) => i),
    };
    expect(bulk([line])).toEqual([2, 97]);
    expect(bulk([{ ...line, values: [5] }])).toEqual([5, 5]);
    expect(bulk([{ ...line, values: [null] }])).toEqual([]);
    expect(bulk([])).toEqual([]);
  });
});

describe("thin", () => {
  const point = fc.tuple(
    fc.double({ min: 0, max: 20, noNaN: true }),
    fc.double({ min: 0, max: 100, noNaN: true }),
  );

  test("keeps at most four points a column, its ends and extremes, in order", () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 200 }), (drawn) => {
        const points = drawn.sort(([a], [b]) => a - b);
        const kept = thin(points);
        expect(kept.every((each) => points.includes(each))).toBe(true);
        expect(kept).toEqual(points.filter((each) => kept.includes(each)));
        for (let column = 0; column <= 20; column++) {
          const [all, some] = [points, kept].map((list) => list.filter(([x]) => Math.floor(x) === column));
          expect(some?.length).toBeLessThanOrEqual(4);
          expect([some?.[0], some?.at(-1)]).toEqual([all?.[0], all?.at(-1)]);
          const heights = (list: [number, number][] = []) => list.map(([, y]) => y);
          expect(Math.min(...heights(some))).toBe(Math.min(...heights(all)));
          expect(Math.max(...heights(some))).toBe(Math.max(...heights(all)));
        }
      }),
    );
  });
});

describe("drawStepLine", () => {
  const draw = (values: readonly (number | null)[]) =>
    drawStepLine(
      { name: "", colour: "#123456", thickness: 1, epochs: values.map((_, index) => index), values },
      (epoch) => (epoch / values.length) * 500,
      (value) => value,
    );

  test("breaks at gaps, and dots what stands alone", () => {
    const parts = draw([1, 2, Number.NaN, 3, null, 4, 5, Number.POSITIVE_INFINITY]);
    expect(parts.map((part) => part.slice(1, 5))).toEqual(["poly", "poly", "circ"]);
    expect(draw([null, Number.NaN])).toEqual([]);
  });

  test("twenty thousand steps take no more room than a few thousand", () => {
    const long = draw(Array.from({ length: 20_000 }, (_, index) => Math.sin(index) * 100));
    expect(long.join("").length).toBeLessThan(40_000);
    const torn = draw(
      Array.from({ length: 20_000 }, (_, index) => (index % 2 ? null : Math.sin(index) * 100)),
    );
    expect(torn.length).toBeLessThanOrEqual(2000);
  });
});
