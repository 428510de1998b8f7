import { float32, floats, type Graph, GraphBuilder, int64, integers, type Tensor } from "../../onnx/index.js";
import type { Held, Runtime } from "../../runtime/index.js";

/** Rows of numbers, one after the other. */
export interface Rows {
  /** `[N, width]`. */
  readonly values: Float32Array;
  readonly width: number;
}

/** Two rows that are much alike. */
export interface Neighbour {
  /** Row among those that were asked about. */
  readonly row: number;
  /** Row among those that were looked at. */
  readonly other: number;
  /** Cosine of the two, from -1 to 1. */
  readonly cosine: number;
}

/** How {@link nearest} looks. */
export interface NearestOptions {
  /** Most neighbours of a row. */
  readonly count: number;
  /** Least cosine of a neighbour (default -1). */
  readonly least?: number;
  /** Whether rows that are asked about are those that are looked at: no row is its own neighbour then. False by default. */
  readonly isSame?: boolean;
  /** Called with the number of rows that are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Rows in one product: 2048 x 2048 cosines are 16 MB. */
const BLOCK_ROWS = 2048;

/**
 * The rows that are most like each row, by the cosine of the angle between them. All pairs are compared, block by block, in matrix
 * products; only the nearest of each block come back.
 *
 * @param asked - for these rows neighbours are looked for
 * @param among - neighbours are looked for among these
 * @returns neighbours of the first row, nearest first, then those of the second, and so on. Rows of zeros have none
 */
export async function nearest(
  runtime: Runtime,
  asked: Rows,
  among: Rows,
  options: NearestOptions,
): Promise<Neighbour[]> {
  const { count, least = -1, isSame = false, onProgress } = options;
  const unit = await runtime.load(composeUnit(asked.width));
  const compare = await runtime.load(composeNearest(asked.width));
  const held: Held[] = [];
  const hold = async (rows: Rows): Promise<Block[]> => {
    const blocks: Block[] = [];
    const { width } = rows;
    const total = rows.values.length / width;
    for (let start = 0; start < total; start += BLOCK_ROWS) {
      const size = Math.min(BLOCK_ROWS, total - start);
      const values = rows.values.slice(start * width, (start + size) * width);
      const { unit: scaled } = await unit.run<"unit">({ rows: float32([size, width], values) });
      const block = await runtime.hold(scaled);
      held.push(block);
      blocks.push({ start, size, rows: block });
    }
    return blocks;
  };
  try {
    const keys = await hold(among);
    const queries = isSame ? keys : await hold(asked);
    const total = asked.values.length / asked.width;
    const best = Array.from({ length: total }, (): Neighbour[] => []);
    const keep = (rows: Block, others: Block, cosine: Tensor, index: Tensor) => {
      const cosines = floats(cosine);
      const indices = integers(index);
      const each = cosines.length / rows.size;
      for (const [at, value] of cosines.entries()) {
        if (!(value >= least)) continue;
        const row = rows.start + Math.floor(at / each);
        const other = others.start + (indices[at] ?? 0);
        if (!(isSame && row === other)) best[row]?.push({ row, other, cosine: value });
      }
      for (let row = rows.start; row < rows.start + rows.size; row++) {
        const list = best[row] ?? [];
        list.sort((a, b) => b.cosine - a.cosine || a.other - b.other);
        list.splice(count);
      }
    };
    const wanted = (block: Block) => int64([1], [Math.min(count + Number(isSame), block.size)]);
    // Among themselves, a product serves the rows of both blocks.
    let done = 0;
    const products = queries.flatMap((query, q) => keys.slice(isSame ? q : 0).map((key) => ({ query, key })));
    for (const { query, key } of products) {
      const isBoth = isSame && query !== key;
      const found = await compare.run<"cosine" | "index" | "cosine_back" | "index_back">(
        { query: query.rows, key: key.rows, count: wanted(key), count_back: wanted(query) },
        { fetch: isBoth ? ["cosine", "index", "cosine_back", "index_back"] : ["cosine", "index"] },
      );
      keep(query, key, found.cosine, found.index);
      if (isBoth) keep(key, query, found.cosine_back, found.index_back);
      onProgress?.(Math.floor((++done / products.length) * total), total);
    }
    return best.flat();
  } finally {
    await runtime.drop(...held);
    await compare.close();
    await unit.close();
  }
}

/** Rows of length 1, held by the runtime. */
interface Block {
  readonly start: number;
  readonly size: number;
  readonly rows: Held;
}

/** Pairs whose cosines are computed in one run. */
const PAIRS_AT_ONCE = 2048;

/** The cosine of each of some pairs of rows, in their order; 0 where a row is all zeros. */
export async function cosines(
  runtime: Runtime,
  { values, width }: Rows,
  pairs: readonly { readonly a: number; readonly b: number }[],
): Promise<Float32Array> {
  const found = new Float32Array(pairs.length);
  if (pairs.length === 0) return found;
  const session = await runtime.load(composeCosines(width));
  try {
    for (let start = 0; start < pairs.length; start += PAIRS_AT_ONCE) {
      const part = pairs.slice(start, start + PAIRS_AT_ONCE);
      const rows = (of: (pair: (typeof part)[number]) => number) => {
        const gathered = new Float32Array(part.length * width);
        for (const [i, pair] of part.entries())
          gathered.set(values.subarray(of(pair) * width, (of(pair) + 1) * width), i * width);
        return float32([part.length, width], gathered);
      };
      const { cosine } = await session.run<"cosine">({ a: rows(({ a }) => a), b: rows(({ b }) => b) });
      found.set(floats(cosine), start);
    }
    return found;
  } finally {
    await session.close();
  }
}

/** Rows divided by their lengths; rows of zeros stay as they are, and have cosine 0 with every other. */
function composeUnit(width: number): Graph {
  const b = new GraphBuilder("rows of length 1");
  b.output("unit", "float32", ["N", width], addUnit(b, b.input("rows", "float32", ["N", width])));
  return b.build();
}

function composeCosines(width: number): Graph {
  const b = new GraphBuilder("cosines of pairs");
  const [one, other] = ["a", "b"].map((name) => addUnit(b, b.input(name, "float32", ["N", width])));
  const products = b.node("Mul", [one ?? "", other ?? ""]);
  b.output("cosine", "float32", ["N"], b.node("ReduceSum", [products, b.integers([1])], { keepdims: 0 }));
  return b.build();
}

function addUnit(b: GraphBuilder, rows: string): string {
  const length = b.node("ReduceL2", [rows, b.integers([1])], { keepdims: 1 });
  return b.node("Div", [rows, b.node("Max", [length, b.scalar(1e-12)])]);
}

function composeNearest(width: number): Graph {
  const b = new GraphBuilder("nearest rows");
  const query = b.input("query", "float32", ["N", width]);
  const key = b.input("key", "float32", ["M", width]);
  const products = b.node("Gemm", [query, key], { transB: 1 });
  for (const [suffix, cosines] of [
    ["", products],
    ["_back", b.node("Transpose", [products], { perm: [1, 0] })],
  ] as const) {
    const count = b.input(`count${suffix}`, "int64", [1]);
    const [cosine, index] = b.nodes("TopK", [cosines, count], 2, { axis: 1, largest: 1, sorted: 1 });
    b.output(`cosine${suffix}`, "float32", ["N", `K${suffix}`], cosine);
    b.output(`index${suffix}`, "int64", ["N", `K${suffix}`], index);
  }
  return b.build();
}
