import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { mapLimited } from "./limited.js";

test("keeps the order and the limit", async () => {
  let running = 0;
  let most = 0;
  const results = await mapLimited([5, 1, 4, 2, 3, 0], 2, async (item, index) => {
    most = Math.max(most, ++running);
    await sleep(item);
    running--;
    return item * 10 + index;
  });
  expect(results).toEqual([50, 11, 42, 23, 34, 5]);
  expect(most).toBe(2);
});

test("throws the first failure, and does nothing for nothing", async () => {
  const fail = mapLimited([1, 2, 3], 2, async (item) => {
    if (item === 2) throw new Error("two");
    return item;
  });
  await expect(fail).rejects.toThrow("two");
  expect(await mapLimited([], 4, async (item) => item)).toEqual([]);
});
