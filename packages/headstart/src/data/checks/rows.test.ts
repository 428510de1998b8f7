import { afterAll, expect, test } from "vitest";
import { Runtime } from "../../runtime/index.js";
import { cosines, rowsInMemory, someRows } from "./rows.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

const rows = rowsInMemory(Float32Array.of(1, 0, 3, 4, 0, 0, -2, 0), 2);

test("some rows, in any order", async () => {
  expect([...(await rows.read([2, 1, 1]))]).toEqual([0, 0, 3, 4, 3, 4]);
  const some = someRows(rows, [3, 1]);
  expect(some.count).toBe(2);
  expect([...(await some.read([1, 0, 1]))]).toEqual([3, 4, -2, 0, 3, 4]);
});

test("rows in memory that is given", async () => {
  const memory = new Float32Array(2);
  expect(await someRows(rows, [0, 1]).read([1], memory)).toBe(memory);
  expect([...memory]).toEqual([3, 4]);
});

test("cosines of pairs", async () => {
  const pairs = [
    { a: 0, b: 1 },
    { a: 1, b: 1 },
    { a: 3, b: 0 },
    { a: 2, b: 1 },
  ];
  const found = await cosines(runtime, rows, pairs);
  for (const [i, wanted] of [0.6, 1, -1, 0].entries()) expect(found[i]).toBeCloseTo(wanted, 6);
  expect(await cosines(runtime, rows, [])).toHaveLength(0);
});
