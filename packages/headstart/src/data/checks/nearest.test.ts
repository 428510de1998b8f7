import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../random.js";
import { Runtime } from "../../runtime/index.js";
import { type NearestOptions, type Neighbour, withNearest } from "./nearest.js";
import { type Rows, rowsInMemory } from "./rows.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** Rows in memory, and their numbers. */
interface Numbers extends Rows {
  readonly values: Float32Array;
}

function numbers(values: Float32Array, width: number): Numbers {
  return { values, ...rowsInMemory(values, width) };
}

function drawn(seed: number, rows: number, width: number): Numbers {
  const values = createRandom(seed).fill(new Float32Array(rows * width), (r) => r.between(-1, 1));
  return numbers(values, width);
}

async function nearest(
  asked: Rows,
  among: Rows,
  options: Omit<NearestOptions, "width">,
): Promise<Neighbour[]> {
  const { width } = asked;
  return await withNearest(runtime, { width, ...options }, (search) => search.find(asked, among));
}

function cosine(one: Numbers, a: number, other: Numbers, b: number): number {
  const x = one.values.subarray(a * one.width, (a + 1) * one.width);
  const y = other.values.subarray(b * other.width, (b + 1) * other.width);
  const product = (u: Float32Array, v: Float32Array) =>
    u.reduce((sum, value, i) => sum + value * (v[i] ?? 0), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

/** What is to be found, one pair after the other. */
function slowly(asked: Numbers, among: Numbers, count: number, least: number, isSame: boolean): Neighbour[] {
  return Array.from({ length: asked.count }, (_, row) =>
    Array.from({ length: among.count }, (_, other) => ({
      row,
      other,
      cosine: cosine(asked, row, among, other),
    }))
      .filter((found) => found.cosine >= least && !(isSame && found.other === row))
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, count),
  ).flat();
}

function expectSame(found: readonly Neighbour[], wanted: readonly Neighbour[]): void {
  expect(found.map(({ row, other }) => [row, other])).toEqual(wanted.map(({ row, other }) => [row, other]));
  for (const [i, { cosine: value }] of found.entries()) expect(value).toBeCloseTo(wanted[i]?.cosine ?? 0, 5);
}

describe("nearest", () => {
  test("finds what comparing one pair after the other finds", async () => {
    const [asked, among] = [drawn(1, 40, 6), drawn(2, 70, 6)];
    expectSame(await nearest(asked, among, { count: 3 }), slowly(asked, among, 3, -1, false));
    const near = await nearest(asked, among, { count: 5, least: 0.6 });
    expectSame(near, slowly(asked, among, 5, 0.6, false));
  });

  test("leaves a row out of its own neighbours", async () => {
    const rows = drawn(3, 50, 5);
    expectSame(await nearest(rows, rows, { count: 4 }), slowly(rows, rows, 4, -1, true));
  });

  test("finds the same over several blocks", async () => {
    const rows = drawn(4, 2100, 3);
    const found = await nearest(rows, rows, { count: 2 });
    expect(found).toHaveLength(4200);
    for (const row of [0, 2047, 2048, 2099]) {
      const alone = numbers(rows.values.slice(row * 3, row * 3 + 3), 3);
      const [first] = slowly(alone, rows, 2, -1, false).slice(1);
      const own = found.filter((one) => one.row === row);
      expect(own[0]?.cosine).toBeCloseTo(first?.cosine ?? 0, 5);
      expect(own[0]?.cosine).toBeGreaterThanOrEqual(own[1]?.cosine ?? 1);
    }
  });

  test("reads no more rows at a time than a product takes", async () => {
    const rows = drawn(6, 5000, 2);
    let most = 0;
    const watched: Rows = {
      ...rows,
      read: (chosen, memory) => {
        most = Math.max(most, chosen.length);
        return rows.read(chosen, memory);
      },
    };
    await nearest(watched, watched, { count: 1 });
    expect(most).toBe(2048);
  });

  test("asks for no more than there are", async () => {
    const rows = drawn(5, 3, 4);
    expect(await nearest(rows, rows, { count: 10 })).toHaveLength(6);
    const one = numbers(rows.values.slice(0, 4), 4);
    expect(await nearest(one, one, { count: 10 })).toEqual([]);
  });

  test("rows of zeros are like nothing", async () => {
    const rows = numbers(Float32Array.of(0, 0, 1, 0, 2, 0), 2);
    const found = await nearest(rows, rows, { count: 2, least: 0.5 });
    expect(found.map(({ row, other }) => [row, other])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });
});
