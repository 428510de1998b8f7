import { expect, test } from "vitest";
import { keepSensitive } from "./sensitive.js";

/** A network whose features agree less for each layer in int8, by an amount of its own. */
function network(harm: Readonly<Record<string, number>>) {
  let trials = 0;
  const agreement = async (float: ReadonlySet<string>) => {
    trials++;
    return 1 - Object.entries(harm).reduce((sum, [name, by]) => sum + (float.has(name) ? 0 : by), 0);
  };
  return { agreement, trials: () => trials };
}

test("leaves the layers in float that harm most, and no more than it takes", async () => {
  const { agreement } = network({ a: 0.001, b: 0.05, c: 0.002, d: 0.02 });
  const kept = await keepSensitive(["a", "b", "c", "d"], 0.99, await agreement(new Set()), agreement);
  expect([...kept.float]).toEqual(["b", "d"]);
  expect(kept.agreement).toBeCloseTo(0.997, 6);
});

test("leaves none in float that does not help", async () => {
  const kept = await keepSensitive(["a", "b"], 0.99, 0.5, async ({ size }) => (size > 0 ? 0.4 : 0.5));
  expect(kept).toEqual({ float: new Set(), agreement: 0.5 });
});

test("tries 48 times at most, with neighbours together", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `layer${i}`);
  const { agreement, trials } = network(Object.fromEntries(names.map((name) => [name, 0.001])));
  const kept = await keepSensitive(names, 0.99, await agreement(new Set()), agreement);
  expect(kept.agreement).toBeGreaterThanOrEqual(0.99);
  expect(trials()).toBeLessThanOrEqual(48);
});
