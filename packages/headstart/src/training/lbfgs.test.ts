import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differentiate } from "../autodiff/index.js";
import { float32, floats, type Graph, GraphBuilder, inferShapes } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { type Held, Runtime } from "../runtime/index.js";
import { Lbfgs } from "./lbfgs.js";

const runtime = Runtime.start({ threads: 1 });
let lbfgs: Lbfgs;
beforeAll(async () => {
  lbfgs = await Lbfgs.load(runtime);
});
afterAll(() => runtime.close());

/** A graph from `point` to `value` and `gradient`; `build` says what the value is. */
function functionOf(size: number, build: (b: GraphBuilder, point: string) => string): Graph {
  const b = new GraphBuilder("function");
  const point = b.input("point", "float32", [size]);
  b.output("value", "float32", [], build(b, point));
  const { graph, gradients } = differentiate(inferShapes(b.build()), "value", [point]);
  const whole = GraphBuilder.from(graph);
  whole.output("gradient", "float32", [size], gradients.get(point));
  return whole.build();
}

/** Minimises a function from a start, and returns where it ends, with every point on the way. */
async function minimise(graph: Graph, start: readonly number[], iterations = 200, tolerance = 1e-6) {
  const session = await runtime.load(graph);
  const point = await runtime.hold(float32([start.length], start));
  const path: { point: number[]; value: number }[] = [];
  let calls = 0;
  const objective = async (at: Held, gradient: Held) => {
    calls++;
    const { value } = await session.run<"value">({ point: at }, { into: { gradient }, fetch: ["value"] });
    return floats(value)[0] ?? Number.NaN;
  };
  const result = await lbfgs.minimise(objective, point, start.length, {
    iterations,
    tolerance,
    onIteration: async (_, reached, value) => {
      path.push({ point: Array.from(floats(await runtime.read(reached))), value });
    },
  });
  const end = Array.from(floats(await runtime.read(point)));
  await runtime.drop(point);
  await session.close();
  return { ...result, end, path, calls };
}

/** 0.5 (x - centre)' A (x - centre). */
function quadratic(A: readonly (readonly number[])[], centre: readonly number[]): Graph {
  const size = centre.length;
  return functionOf(size, (b, point) => {
    const off = b.node("Sub", [point, b.constant("centre", float32([size], centre))]);
    const row = b.node("Reshape", [off, b.integers([1, size])]);
    const image = b.node("MatMul", [row, b.constant("A", float32([size, size], A.flat()))]);
    const product = b.node("ReduceSum", [b.node("Mul", [image, row])], { keepdims: 0 });
    return b.node("Mul", [product, b.scalar(0.5)]);
  });
}

/** Rosenbrock's function in any number of dimensions: sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2, least at ones. */
function rosenbrock(size: number): Graph {
  return functionOf(size, (b, point) => {
    // All but the last, and all but the first, by matrices that select them.
    const select = (from: number) => {
      const matrix = Array.from({ length: (size - 1) * size }, (_, k) =>
        Math.floor(k / size) + from === k % size ? 1 : 0,
      );
      return b.node("MatMul", [b.constant("selection", float32([size - 1, size], matrix)), point]);
    };
    const [before, after] = [select(0), select(1)];
    const square = (x: string) => b.node("Mul", [x, x]);
    const valley = square(b.node("Sub", [after, square(before)]));
    const slope = square(b.node("Sub", [b.scalar(1), before]));
    const terms = b.node("Add", [b.node("Mul", [b.scalar(100), valley]), slope]);
    return b.node("ReduceSum", [terms], { keepdims: 0 });
  });
}

describe("Lbfgs", () => {
  test("finds the least point of a stretched bowl", async () => {
    const A = [
      [100, 0, 0],
      [0, 1, 0.5],
      [0, 0.5, 2],
    ];
    const { end, value, iterations } = await minimise(quadratic(A, [1, -2, 3]), [0, 0, 0]);
    for (const [i, at] of [1, -2, 3].entries()) expect(end[i]).toBeCloseTo(at, 4);
    expect(value).toBeLessThan(1e-8);
    expect(iterations).toBeLessThan(25);
  });

  test.each([2, 6])("follows Rosenbrock's valley in %i dimensions", async (size) => {
    const start = Array.from({ length: size }, (_, i) => (i % 2 === 0 ? -1.2 : 1));
    const { end, iterations, calls } = await minimise(rosenbrock(size), start);
    for (const at of end) expect(at).toBeCloseTo(1, 2);
    expect(iterations).toBeLessThan(100);
    expect(calls).toBeLessThan(150);
  });

  test("every iteration goes down, and the last one's point is the result", async () => {
    const { path, end, value } = await minimise(rosenbrock(2), [-1.2, 1]);
    for (const [i, { value: now }] of path.entries())
      if (i > 0) expect(now).toBeLessThan(path[i - 1]?.value ?? Number.NaN);
    expect(path.at(-1)).toEqual({ point: end, value });
  });

  test("stops at the number of iterations, and at once where there is no slope", async () => {
    const short = await minimise(rosenbrock(2), [-1.2, 1], 3);
    expect(short).toMatchObject({ iterations: 3, path: { length: 3 } });
    expect(short.path.at(-1)?.point).toEqual(short.end);
    const none = await minimise(rosenbrock(2), [1, 1]);
    expect(none).toMatchObject({ iterations: 0, value: 0, end: [1, 1], calls: 1 });
  });

  test("comes back from a step into where the function is no number", async () => {
    // x - log(x), least at 1, and only there for x above 0: the first steps from 0.01 are far too long.
    const graph = functionOf(1, (b, x) =>
      b.node("ReduceSum", [b.node("Sub", [x, b.node("Log", [x])])], { keepdims: 0 }),
    );
    const { end } = await minimise(graph, [0.01]);
    expect(end[0]).toBeCloseTo(1, 3);
    const steep = functionOf(1, (b, x) => {
      const far = b.node("Mul", [x, b.scalar(200)]);
      return b.node("ReduceSum", [b.node("Sub", [far, b.node("Log", [x])])], { keepdims: 0 });
    });
    expect((await minimise(steep, [0.5])).end[0]).toBeCloseTo(1 / 200, 5);
  });

  test("leaves the best point behind when the objective fails", async () => {
    const session = await runtime.load(quadratic([[1]], [5]));
    const point = await runtime.hold(float32([1], [0]));
    let calls = 0;
    const objective = async (at: Held, gradient: Held) => {
      if (++calls > 2) throw new Error("enough");
      const { value } = await session.run<"value">({ point: at }, { into: { gradient }, fetch: ["value"] });
      return floats(value)[0] ?? 0;
    };
    const run = lbfgs.minimise(objective, point, 1, { iterations: 9, tolerance: 0 });
    await expect(run).rejects.toThrow("enough");
    expect(floats(await runtime.read(point))[0]).toBe(1);
  });

  test("finds the least point of random bowls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.nat(), async (size, seed) => {
        const random = createRandom(seed, "bowl");
        const numbers = (count: number) => Array.from({ length: count }, () => random.between(-1, 1));
        const B = Array.from({ length: size }, () => numbers(size));
        // B' B + 0.2 I is positive definite.
        const A = B.map((_, i) =>
          B.map((_, j) => B.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), i === j ? 0.2 : 0)),
        );
        const centre = numbers(size);
        const { end } = await minimise(quadratic(A, centre), numbers(size));
        for (const [i, at] of centre.entries()) expect(Math.abs((end[i] ?? 9) - at)).toBeLessThan(2e-3);
      }),
      { numRuns: 30 },
    );
  });
});
