import fc from "fast-check";
import { expect, test } from "vitest";
import { thinned } from "./thinned.js";

type Point = readonly [number, number];

/** The shortest distance of a point from a line of straight pieces. */
function distance([x, y]: Point, line: readonly Point[]): number {
  return Math.min(
    ...line.slice(1).map(([bx, by], index) => {
      const [ax, ay] = line[index] ?? [0, 0];
      const [dx, dy] = [bx - ax, by - ay];
      const length = dx * dx + dy * dy;
      const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
      return Math.hypot(x - ax - along * dx, y - ay - along * dy);
    }),
  );
}

const curve = fc
  .array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: 2,
    maxLength: 300,
  })
  .map((points): Point[] => points.sort(([a], [b]) => a - b));

test("keeps both ends, the order and only points of the curve, and at most 60", () => {
  fc.assert(
    fc.property(curve, (points) => {
      const kept = thinned(points);
      expect(kept.length).toBeLessThanOrEqual(60);
      expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)]);
      let from = 0;
      for (const point of kept) {
        from = points.indexOf(point, from);
        expect(from).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

test("with room for all that is seen, no point is farther than a five-hundredth from what is drawn", () => {
  const few = curve.filter(({ length }) => length <= 60);
  fc.assert(
    fc.property(few, (points) => {
      const kept = thinned(points);
      for (const point of points) expect(distance(point, kept)).toBeLessThanOrEqual(0.002 + 1e-12);
    }),
  );
});

test("a quarter of a circle of 10,000 points is drawn by few", () => {
  const arc = Array.from({ length: 10_000 }, (_, index): Point => {
    const angle = ((index / 9999) * Math.PI) / 2;
    return [Math.cos(angle), Math.sin(angle)];
  });
  const kept = thinned(arc);
  expect(kept.length).toBeLessThan(20);
  expect(Math.max(...arc.map((point) => distance(point, kept)))).toBeLessThanOrEqual(0.002);
});

test("what has no middle stays as it is", () => {
  expect(thinned([])).toEqual([]);
  expect(thinned([[0, 1]])).toEqual([[0, 1]]);
  expect(thinned(Array.from({ length: 9 }, () => [0.5, 0.5] as const))).toEqual([
    [0.5, 0.5],
    [0.5, 0.5],
  ]);
});
