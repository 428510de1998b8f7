import fc from "fast-check";
import { expect } from "vitest";
import { type Differentiated, differentiate } from "../../src/autodiff/index.js";
import {
  type DataType,
  type Dim,
  elementCount,
  elementTypeCode,
  type Graph,
  GraphBuilder,
  OPSET,
  type Tensor,
} from "../../src/onnx/index.js";
import { runGraph } from "./run-graph.js";

/** Numbers that look random and are the same for the same seed (mulberry32), uniform between two bounds. */
export function uniform(seed: number, count: number, low = -1, high = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return low + ((high - low) * ((mixed ^ (mixed >>> 14)) >>> 0)) / 2 ** 32;
  });
}

/** A float64 or float32 tensor. */
export function tensor(
  type: "float64" | "float32",
  dims: readonly number[],
  values: readonly number[],
): Tensor {
  const array = type === "float64" ? Float64Array.from(values) : Float32Array.from(values);
  return { type, dims, data: new Uint8Array(array.buffer) };
}

/** The elements of a float64 or float32 tensor. */
export function numbers({ type, data }: Tensor): number[] {
  if (type === "float64") return Array.from(new Float64Array(data.slice().buffer));
  if (type === "float32") return Array.from(new Float32Array(data.slice().buffer));
  throw new Error(`${type} is no floating-point type of these tests`);
}

/** An input of a function whose gradients are checked: what its values are drawn from, and how the graph declares its shape. */
export interface CheckedInput {
  readonly dims: readonly number[];
  /** By default `dims`. */
  readonly declared?: readonly Dim[];
  readonly low?: number;
  readonly high?: number;
}

/**
 * Compares the gradients of a function with central differences: the function's result is weighed with fixed numbers and summed to a loss,
 * and the slope of that loss along a random direction must be the product of direction and gradients. Everything runs in one session.
 *
 * @param inputs - the function's inputs
 * @param build - adds the function's nodes, given its inputs' names, and returns the result
 * @param options - `seed` of values and direction; `type`: float32 where ONNX Runtime has no float64 kernel; `opset` of the graph
 */
export async function checkGradients(
  inputs: readonly CheckedInput[],
  build: (b: GraphBuilder, ...inputs: string[]) => string,
  options: { readonly seed: number; readonly type?: "float64" | "float32"; readonly opset?: number },
): Promise<void> {
  const type = options.type ?? "float64";
  const [step, tolerance] = type === "float64" ? [1e-5, 1e-6] : [1e-2, 1e-2];
  const names = inputs.map((_, index) => `x${index}`);
  const opsets = new Map([["", options.opset ?? OPSET]]);
  const forward = { ...weighedSum(type, inputs, build), opsets };
  for (const name of names) expectNeeded(forward, differentiate(forward, "loss", [name]));
  const { graph, gradients } = differentiate(forward, "loss", names);

  const b = GraphBuilder.from(graph);
  b.clearOutputs();
  const size = typedScalar(b, type, step);
  const directions = inputs.map((input, i) => b.input(`v${i}`, type, input.declared ?? input.dims));
  for (const [output, op] of [
    ["above", "Add"],
    ["below", "Sub"],
  ] as const) {
    const moved = names.map((name, i) => [
      name,
      b.node(op, [name, b.node("Mul", [directions[i] ?? "", size])]),
    ]);
    b.output(output, type, [], b.include(forward, Object.fromEntries(moved)).get("loss") ?? "");
  }
  for (const [i, { dims, declared }] of inputs.entries())
    b.output(`d_x${i}`, type, declared ?? dims, gradients.get(`x${i}`));

  const drawn = inputs.map(({ dims, low, high }, i) => ({
    x: uniform(options.seed + i, elementCount(dims), low, high),
    v: uniform(options.seed + 100 + i, elementCount(dims)),
  }));
  const feeds = Object.fromEntries(
    drawn.flatMap(({ x, v }, i) => {
      const dims = inputs[i]?.dims ?? [];
      return [
        [`x${i}`, tensor(type, dims, x)],
        [`v${i}`, tensor(type, dims, v)],
      ];
    }),
  );
  const found = await runGraph(b.build(), feeds);
  let slope = 0;
  let scale = 1;
  for (const [i, { v }] of drawn.entries()) {
    const gradient = found[`d_x${i}`];
    expect(gradient?.dims).toEqual(inputs[i]?.dims);
    for (const [j, d] of gradient ? numbers(gradient).entries() : []) {
      slope += d * (v[j] ?? 0);
      scale += Math.abs(d);
    }
  }
  const [above, below] = [found.above, found.below].map((loss) => (loss ? numbers(loss)[0] : undefined));
  const difference = ((above ?? Number.NaN) - (below ?? Number.NaN)) / (2 * step);
  expect(Math.abs(difference - slope) / scale).toBeLessThan(tolerance);
}

/** Expects that every node which was added is read by another one, or is a gradient that was asked for. */
export function expectNeeded(before: Graph, { graph, gradients }: Differentiated): void {
  const read = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...gradients.values()]);
  const added = graph.nodes.slice(before.nodes.length);
  expect(added.filter(({ outputs }) => !outputs.some((output) => read.has(output)))).toEqual([]);
}

/** The graph of sum(w * f(inputs)), called `loss`, where w is sin(13 i + 1) at the i-th element. */
function weighedSum(
  type: DataType,
  inputs: readonly CheckedInput[],
  build: (b: GraphBuilder, ...inputs: string[]) => string,
): Graph {
  const b = new GraphBuilder("checked");
  const y = build(b, ...inputs.map(({ dims, declared }, i) => b.input(`x${i}`, type, declared ?? dims)));
  const count = b.node("Range", [scalar64(b, 0), b.node("Size", [y]), scalar64(b, 1)]);
  const index = b.node("Cast", [b.node("Reshape", [count, b.node("Shape", [y])])], {
    to: elementTypeCode(type),
  });
  const angles = b.node("Add", [b.node("Mul", [index, typedScalar(b, type, 13)]), typedScalar(b, type, 1)]);
  const weights = b.node("Sin", [angles]);
  b.output("loss", type, [], b.node("ReduceSum", [b.node("Mul", [y, weights])], { keepdims: 0 }));
  return b.build();
}

function scalar64(b: GraphBuilder, value: number): string {
  return b.constant("int", {
    type: "int64",
    dims: [],
    data: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
  });
}

/** A scalar of a graph's element type. */
export function typedScalar(b: GraphBuilder, type: DataType, value: number): string {
  return type === "float32"
    ? b.scalar(value)
    : b.node("Cast", [b.scalar(value)], { to: elementTypeCode(type) });
}

/** Ways to declare dimensions: by size, by a name that all of this size share, or not at all. */
export function declared(dims: readonly number[]): fc.Arbitrary<Dim[]> {
  return fc.tuple(...dims.map((dim) => fc.constantFrom<Dim[]>(dim, `size${dim}`, "?")));
}

/** Dimensions between 1 and 4. */
export function shapes(minLength: number, maxLength: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: 4 }), { minLength, maxLength });
}

/** Checks a property of gradients on a few dozen draws, always the same ones. */
export async function property<T>(
  drawn: fc.Arbitrary<T>,
  check: (value: T, seed: number) => Promise<void>,
  numRuns = 20,
) {
  const seeds = fc.integer({ min: 1, max: 1e9 });
  await fc.assert(fc.asyncProperty(drawn, seeds, check), { numRuns, seed: 20_240_607 });
}
