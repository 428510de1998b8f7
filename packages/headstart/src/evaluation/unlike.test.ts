import { afterAll, describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { HeadstartError } from "../errors.js";
import { float32, floats, GraphBuilder } from "../onnx/index.js";
import { createRandom, type Random } from "../random.js";
import { Runtime } from "../runtime/index.js";
import { quantile } from "./bootstrap.js";
import { rank, rocArea } from "./ranked.js";
import { fitUnlike } from "./unlike.js";
import { addUnlike, type Unlike } from "./unlike-graphs.js";

const FEATURES = 16;
const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** Photos about a direction. */
function drawRows(random: Random, axis: number, count: number): number[][] {
  return Array.from({ length: count }, () =>
    Array.from({ length: FEATURES }, (_, d) => random.between(-1, 1) + (d === axis ? 3 : 0)),
  );
}

function photosOf(rows: readonly number[][], labels: readonly number[]) {
  return {
    count: rows.length,
    labels,
    digests: rows.map((_, i) => `${i}`),
    read: async (wanted: readonly number[]) => Float32Array.from(wanted.flatMap((row) => rows[row] ?? [])),
  };
}

async function scores(constants: Unlike, rows: readonly number[][]): Promise<number[]> {
  const b = new GraphBuilder("unlike");
  const features = b.input("features", "float32", ["N", FEATURES]);
  b.output("unlike", "float32", ["N"], addUnlike(b, features, constants));
  const { unlike } = await runGraph(b.build(), { features: float32([rows.length, FEATURES], rows.flat()) });
  return unlike === undefined ? [] : [...floats(unlike)];
}

describe("fitUnlike", () => {
  const random = createRandom(1);
  const train = [...drawRows(random, 0, 150), ...drawRows(random, 1, 50)];
  const labels = train.map((_, i) => (i < 150 ? 0 : 1));
  const fit = (count = train.length) =>
    fitUnlike(runtime, photosOf(train.slice(0, count), labels.slice(0, count)), {
      features: FEATURES,
      classes: 2,
      random: createRandom(0, "unlike"),
    });

  test("photos of the same kind are spread evenly, others are at the end", async () => {
    const constants = await fit();
    const inside = await scores(constants, [...drawRows(random, 0, 300), ...drawRows(random, 1, 100)]);
    const outside = await scores(constants, drawRows(random, 2, 400));
    const sorted = Float64Array.from(inside).sort();
    expect(quantile(sorted, 0.5)).toBeGreaterThan(0.35);
    expect(quantile(sorted, 0.5)).toBeLessThan(0.65);
    expect(inside.filter((score) => score > 0.95).length / inside.length).toBeLessThan(0.1);
    const both = rank([...inside, ...outside], [...inside.map(() => 0), ...outside.map(() => 1)]);
    expect(rocArea(both)).toBeGreaterThan(0.98);
  });

  test("prototypes have length 1, each class as many as its share, and are the same for the same seed", async () => {
    const { prototypes, quantiles } = await fit();
    expect(prototypes.dims).toEqual([64, FEATURES]);
    const rows = floats(prototypes);
    const along = [0, 0];
    for (let row = 0; row < 64; row++) {
      const one = rows.subarray(row * FEATURES, (row + 1) * FEATURES);
      expect(one.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
      const axis = (one[0] ?? 0) > (one[1] ?? 0) ? 0 : 1;
      along[axis] = (along[axis] ?? 0) + 1;
    }
    expect(along).toEqual([48, 16]);
    expect(quantiles.dims).toEqual([101]);
    expect([...floats(quantiles)]).toEqual([...floats(quantiles)].sort((a, b) => a - b));
    expect(await fit()).toEqual({ prototypes, quantiles });
  });

  test("works with two photos, with copies, and with features of zeros", async () => {
    const zeros = new Array<number>(FEATURES).fill(0);
    const photos = photosOf([zeros, zeros, train[0] ?? [], train[0] ?? []], [0, 0, 1, 1]);
    const constants = await fitUnlike(runtime, photos, { features: FEATURES, classes: 2, random });
    for (const score of await scores(constants, [zeros, train[0] ?? [], train[199] ?? []]))
      expect(score >= 0 && score <= 1).toBe(true);
    await expect(fit(1)).rejects.toThrow(HeadstartError);
  });

  test("stops when asked", async () => {
    const options = { features: FEATURES, classes: 2, random, signal: AbortSignal.abort() };
    await expect(fitUnlike(runtime, photosOf(train, labels), options)).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });
});

test("between two quantiles the share goes up evenly, beyond them it is 0 or 1", async () => {
  const axis = (d: number) => Array.from({ length: FEATURES }, (_, i) => (i === d ? 1 : 0));
  const constants = {
    prototypes: float32([1, FEATURES], axis(0)),
    quantiles: float32([3], [0.5, 0.75, 1.25]),
  };
  const at = (cosine: number) =>
    axis(0).map((one, i) => (i === 1 ? Math.sqrt(1 - cosine ** 2) : one * cosine));
  const found = await scores(constants, [at(1), at(0.5), at(0.25), at(0), at(-0.5)]);
  for (const [i, wanted] of [0, 0, 0.5, 0.75, 1].entries()) expect(found[i]).toBeCloseTo(wanted, 5);
});
