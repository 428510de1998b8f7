import { describe, expect, test, vi } from "vitest";
import { median, ratio, report, runs } from "./measure.js";

describe("median", () => {
  test("of an odd and of an even count", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
  test("orders numbers as numbers", () => expect(median([10, 9, 100])).toBe(10));
  test("of nothing is an error", () => expect(() => median([])).toThrow("no median"));
});

test("ratio is that of the medians", () => {
  expect(ratio({ measured: [3, 100, 3], reference: [2, 2, 0] })).toBe(1.5);
});

test("runs alternates the order and leaves the warm-up out", async () => {
  const order: string[] = [];
  const note = (name: string) => async () => order.push(name);
  const times = await runs(note("a"), note("b"), { rounds: 2, warmup: 1 });
  expect(order).toEqual(["b", "a", "a", "b", "b", "a"]);
  expect([times.measured.length, times.reference.length]).toEqual([2, 2]);
});

test("report prints one JSON document, or lines", () => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const result = { name: "epoch", ratio: 1.05, bar: 1.08, parts: { "epoch (ms)": 105, "raw (ms)": 100 } };
  report(result, true);
  report(result, false);
  const printed = write.mock.calls.map(([text]) => String(text));
  write.mockRestore();
  expect(JSON.parse(printed[0] ?? "")).toEqual(result);
  expect(printed[1]).toBe("epoch: ratio 1.050 (bar 1.08)\n  epoch (ms): 105.0\n  raw (ms): 100.0\n");
});
