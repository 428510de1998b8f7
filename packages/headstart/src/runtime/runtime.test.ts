import { afterAll, describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, GraphBuilder, writeModel } from "../onnx/index.js";
import { Runtime, resolveRuntimeOptions } from "./index.js";

/** y = x + weight, and its sum. */
function addition(): Graph {
  const b = new GraphBuilder("addition");
  const x = b.input("x", "float32", ["N", 2]);
  const weight = b.input("weight", "float32", [2]);
  b.output("y", "float32", ["N", 2], b.node("Add", [x, weight]));
  b.output("sum", "float32", [], b.node("ReduceSum", [x], { keepdims: 0 }));
  return b.build();
}

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

describe("Runtime", () => {
  test("runs a graph", async () => {
    const session = await runtime.load(addition());
    expect(session.inputs).toEqual(["x", "weight"]);
    const { y, sum } = await session.run<"y" | "sum">({
      x: float32([1, 2], [1, 2]),
      weight: float32([2], [10, 20]),
    });
    expect(Array.from(floats(y))).toEqual([11, 22]);
    expect(Array.from(floats(sum))).toEqual([3]);
    await session.close();
  });

  test("computes the same in training, in the layout that is fastest there", async () => {
    const b = new GraphBuilder("layer");
    const [x, filter] = [
      b.input("x", "float32", ["N", 32, 4, 4]),
      b.input("filter", "float32", [16, 32, 3, 3]),
    ];
    const y = b.node("Relu", [b.node("Conv", [x, filter], { pads: [1, 1, 1, 1] })]);
    b.output("y", "float32", ["N", 16, 4, 4], y);
    const waves = (dims: readonly number[], count: number) =>
      float32(
        dims,
        Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
      );
    const found = await Promise.all(
      [false, true].map(async (training) => {
        const session = await runtime.load(b.build(), { training });
        const results: Float32Array[] = [];
        for (const n of [2, 1]) {
          const inputs = { x: waves([n, 32, 4, 4], 512 * n), filter: waves([16, 32, 3, 3], 4608) };
          const { y: made } = await session.run<"y">(inputs);
          results.push(floats(made));
        }
        await session.close();
        return results;
      }),
    );
    const [plain, trained] = found.map((results) => results.flatMap((values) => Array.from(values)));
    expect(trained?.length).toBe(3 * 256);
    for (const [i, value] of (plain ?? []).entries()) expect(trained?.[i]).toBeCloseTo(value, 3);
  });

  test("gives the right answer when sizes change between runs", async () => {
    const session = await runtime.load(addition());
    for (const n of [1, 3, 3, 2, 3]) {
      const x = float32([n, 2], new Float32Array(2 * n).fill(n));
      const { y } = await session.run<"y">({ x, weight: float32([2], [0, 1]) }, { fetch: ["y"] });
      expect(y.dims).toEqual([n, 2]);
      expect(Array.from(floats(y)).slice(-2)).toEqual([n, n + 1]);
    }
  });

  test("moves memory that it gave out and copies any other", async () => {
    const session = await runtime.load(addition());
    const data = runtime.allocate(8);
    const weight = float32([2], [1, 1]);
    new Float32Array(data.buffer).set([5, 6]);
    const { y } = await session.run<"y">({ x: { type: "float32", dims: [1, 2], data }, weight });
    expect(Array.from(floats(y))).toEqual([6, 7]);
    expect(data.byteLength).toBe(0);
    expect(Array.from(floats(weight))).toEqual([1, 1]);
    expect(runtime.allocate(8).byteLength).toBe(8);
  });

  test("sends only the part of a buffer that a tensor shows", async () => {
    const session = await runtime.load(addition());
    const all = Float32Array.of(9, 9, 1, 2, 9);
    const { y } = await session.run<"y">({
      x: float32([1, 2], all.subarray(2, 4)),
      weight: float32([2], [0, 0]),
    });
    expect(Array.from(floats(y))).toEqual([1, 2]);
  });

  test("leaves a Buffer of the caller's as it is, as a model and as a tensor", async () => {
    const file = Buffer.concat([Buffer.from([0]), writeModel(addition())]);
    const session = await runtime.load(file.subarray(1));
    const data = Buffer.from(Float32Array.of(9, 1, 2).buffer);
    const x = { type: "float32", dims: [1, 2], data: data.subarray(4) } as const;
    const { sum } = await session.run<"sum">({ x, weight: await runtime.hold({ ...x, dims: [2] }) });
    expect(floats(sum)[0]).toBe(3);
    expect([file.byteLength > 1, data.byteLength]).toEqual([true, 12]);
  });

  test("keeps tensors with the worker, written in place and swapped", async () => {
    const session = await runtime.load(addition());
    let now = await runtime.hold(float32([1, 2], [0, 0]));
    let next = await runtime.hold(float32([1, 2], [0, 0]));
    const weight = await runtime.hold(float32([2], [1, 2]));
    for (let i = 0; i < 3; i++) {
      const { sum } = await session.run<"sum">({ x: now, weight }, { into: { y: next } });
      expect(floats(sum)[0]).toBe(3 * i);
      [now, next] = [next, now];
    }
    expect(Array.from(floats(await runtime.read(now)))).toEqual([3, 6]);
    expect(Array.from(floats(await runtime.read(next)))).toEqual([2, 4]);
    await runtime.drop(now, next, weight);
    await expect(runtime.read(now)).rejects.toThrow(HeadstartError);
  });

  test("leaves the main thread free while a graph runs", async () => {
    const b = new GraphBuilder("slow");
    let x = b.input("x", "float32", [600, 600]);
    for (let i = 0; i < 60; i++) x = b.node("MatMul", [x, x]);
    b.output("y", "float32", [600, 600], x);
    const session = await runtime.load(b.build());
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    const begun = performance.now();
    await session.run({ x: float32([600, 600], new Float32Array(360_000)) });
    const took = performance.now() - begun;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(took / 50);
  });

  test("takes and gives float16 on every Node", async () => {
    const b = new GraphBuilder("half");
    const x = b.input("x", "float16", [2]);
    b.output("y", "float16", [2], b.node("Neg", [x]));
    const session = await runtime.load(b.build());
    // 1 and -2 in half precision; the sign is the highest bit.
    const data = new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer);
    for (let i = 0; i < 2; i++) {
      const { y } = await session.run<"y">({ x: { type: "float16", dims: [2], data } });
      expect([...new Uint16Array(y.data.slice().buffer)]).toEqual([0xbc00, 0x4000]);
    }
  });

  test("answers in the order of the requests", async () => {
    const session = await runtime.load(addition());
    const order: number[] = [];
    await Promise.all(
      [0, 1, 2, 3].map(async (i) => {
        await session.run({ x: float32([1, 2], [i, i]), weight: float32([2], [0, 0]) });
        order.push(i);
      }),
    );
    expect(order).toEqual([0, 1, 2, 3]);
  });

  test("says what is wrong with a model, an input and a device", async () => {
    await expect(runtime.load(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: "INVALID_MODEL" });
    const session = await runtime.load(addition());
    await expect(session.run({ x: float32([1, 2], [1, 2]) })).rejects.toMatchObject({
      code: "INVALID_MODEL",
    });
    const cuda = Runtime.start({ device: "cuda" });
    await expect(cuda.load(addition())).rejects.toMatchObject({ code: "DEVICE" });
    await cuda.close();
  });

  test("fails what is under way when it is closed, and what comes later", async () => {
    const other = Runtime.start();
    const session = await other.load(addition());
    await other.close();
    await expect(session.run({})).rejects.toThrow("closed");
  });
});

describe("resolveRuntimeOptions", () => {
  test("fills in defaults", () => {
    expect(resolveRuntimeOptions()).toMatchObject({ device: "cpu" });
    expect(resolveRuntimeOptions({ threads: 3 }).threads).toBe(3);
  });

  test.each([0, -1, 1.5, Number.NaN, 5000])("refuses %s threads", (threads) => {
    expect(() => resolveRuntimeOptions({ threads })).toThrow(/whole number from 1/);
  });

  test("refuses a device that does not exist", () => {
    expect(() => resolveRuntimeOptions({ device: "tpu" as "cpu" })).toThrow(/There is no device tpu/);
  });
});
