import { float32, floats, type Graph, GraphBuilder, type Tensor } from "../../onnx/index.js";
import type { Runtime } from "../../runtime/index.js";

/** Rows of numbers that are read when they are needed, so that few of many are in memory at once. */
export interface Rows {
  readonly count: number;
  /** Numbers in a row. */
  readonly width: number;
  /** Some of the rows in the order given, `[chosen.length, width]`; `memory` of that size may be used for them. */
  readonly read: (
    chosen: readonly number[],
    memory?: Float32Array<ArrayBuffer>,
  ) => Promise<Float32Array<ArrayBuffer>>;
}

/** Rows that are in memory, `[N, width]`. */
export function rowsInMemory(values: Float32Array, width: number): Rows {
  return {
    count: values.length / width,
    width,
    read: async (chosen, gathered = new Float32Array(chosen.length * width)) => {
      for (const [at, row] of chosen.entries())
        gathered.set(values.subarray(row * width, (row + 1) * width), at * width);
      return gathered;
    },
  };
}

/** Some of the rows, in the order given, as rows of their own. */
export function someRows({ width, read }: Rows, chosen: readonly number[]): Rows {
  return {
    count: chosen.length,
    width,
    read: (own, memory) =>
      read(
        own.map((i) => chosen[i] ?? 0),
        memory,
      ),
  };
}

/** Some of the rows as a tensor `[chosen.length, width]`, in memory that the runtime uses again when it has been an input of a run. */
export async function readTensor(
  runtime: Runtime,
  { width, read }: Pick<Rows, "width" | "read">,
  chosen: readonly number[],
): Promise<Tensor> {
  const memory = runtime.allocate(chosen.length * width * 4);
  return float32([chosen.length, width], await read(chosen, new Float32Array(memory.buffer)));
}

/** The numbers of some rows that follow each other. */
export function rowNumbers(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** Pairs whose cosines are computed in one run. */
const PAIRS_AT_ONCE = 1024;

/** The cosine of each of some pairs of rows, in their order; 0 where a row is all zeros. */
export async function cosines(
  runtime: Runtime,
  rows: Rows,
  pairs: readonly { readonly a: number; readonly b: number }[],
): Promise<Float32Array> {
  const found = new Float32Array(pairs.length);
  if (pairs.length === 0) return found;
  const session = await runtime.load(composeCosines(rows.width));
  try {
    for (let start = 0; start < pairs.length; start += PAIRS_AT_ONCE) {
      const part = pairs.slice(start, start + PAIRS_AT_ONCE);
      const side = (name: "a" | "b") =>
        readTensor(
          runtime,
          rows,
          part.map((pair) => pair[name]),
        );
      const { cosine } = await session.run<"cosine">({ a: await side("a"), b: await side("b") });
      found.set(floats(cosine), start);
    }
    return found;
  } finally {
    await session.close();
  }
}

function composeCosines(width: number): Graph {
  const b = new GraphBuilder("cosines of pairs");
  const one = addUnit(b, b.input("a", "float32", ["N", width]));
  const other = addUnit(b, b.input("b", "float32", ["N", width]));
  const products = b.node("Mul", [one, other]);
  b.output("cosine", "float32", ["N"], b.node("ReduceSum", [products, b.integers([1])], { keepdims: 0 }));
  return b.build();
}

/** Rows `[N, width]` divided by their lengths; rows of zeros stay as they are. */
export function addUnit(b: GraphBuilder, rows: string): string {
  const length = b.node("ReduceL2", [rows, b.integers([1])], { keepdims: 1 });
  return b.node("Div", [rows, b.node("Max", [length, b.scalar(1e-12)])]);
}
