import { afterAll, expect, test } from "vitest";
import { Runtime } from "../../runtime/index.js";
import { cosines, gatherRows, type Rows } from "./rows.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

const rows: Rows = { values: Float32Array.of(1, 0, 3, 4, 0, 0, -2, 0), width: 2 };

test("some rows, in any order", () => {
  expect([...gatherRows(rows, [2, 1, 1]).values]).toEqual([0, 0, 3, 4, 3, 4]);
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
