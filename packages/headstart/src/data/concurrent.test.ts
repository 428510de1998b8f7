import { expect, test } from "vitest";
import { mapBounded, readAhead } from "./concurrent.js";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("results are in order, and no more than the limit run at once", async () => {
  let running = 0;
  let most = 0;
  const workers = new Set<number>();
  const results = await mapBounded([5, 1, 3, 2, 4, 0], 3, async (item, worker) => {
    expect(workers.has(worker)).toBe(false);
    workers.add(worker);
    most = Math.max(most, ++running);
    await pause(item);
    running--;
    workers.delete(worker);
    return item * 10;
  });
  expect(results).toEqual([50, 10, 30, 20, 40, 0]);
  expect(most).toBe(3);
});

test("a failure stops the rest and is thrown when what runs has ended", async () => {
  const started: number[] = [];
  let ended = 0;
  const result = mapBounded([0, 1, 2, 3, 4], 2, async (item) => {
    started.push(item);
    await pause(item === 0 ? 1 : 5);
    ended++;
    if (item === 0) throw new Error("no");
  });
  await expect(result).rejects.toThrow("no");
  expect(started).toEqual([0, 1]);
  expect(ended).toBe(2);
});

test("nothing to do", async () => {
  expect(await mapBounded([], 4, async () => 1)).toEqual([]);
});

test("one is read ahead, in order, and what cannot be read is thrown when it is its turn", async () => {
  const started: number[] = [];
  const used: number[] = [];
  const read = async (item: number) => {
    started.push(item);
    if (item === 3) throw new Error("no");
    return item * 10;
  };
  const use = async () => {
    for await (const [item, value] of readAhead([0, 1, 2, 3], read)) {
      expect(started).toEqual([0, 1, 2, 3].slice(0, item + 2));
      used.push(value);
    }
  };
  await expect(use()).rejects.toThrow("no");
  expect(used).toEqual([0, 10, 20]);
  for await (const _ of readAhead([], read)) expect.unreachable();
});
