import { floats, type Graph, GraphBuilder, integers, type Tensor } from "../../onnx/index.js";
import type { Runtime, Session } from "../../runtime/index.js";
import { readAhead } from "../concurrent.js";
import { addUnit, type Rows, readTensor, rowNumbers } from "./rows.js";

/** Two rows that are much alike. */
export interface Neighbour {
  /** Row among those that were asked about. */
  readonly row: number;
  /** Row among those that were looked at. */
  readonly other: number;
  /** Cosine of the two, from -1 to 1. */
  readonly cosine: number;
}

/** How {@link withNearest} looks. */
export interface NearestOptions {
  /** Length of all rows. */
  readonly width: number;
  /** Most neighbours of a row. */
  readonly count: number;
  /** Least cosine of a neighbour (default -1). */
  readonly least?: number;
}

/**
 * Looks for the rows that are most like others, by the cosine of the angle between them.
 *
 * @param use - looks, as often as it likes; the graphs are freed when it ends
 */
export async function withNearest<T>(
  runtime: Runtime,
  options: NearestOptions,
  use: (search: NearestSearch) => Promise<T>,
): Promise<T> {
  const compare = await runtime.load(composeNearest(options));
  try {
    return await use(new NearestSearch(runtime, compare, options));
  } finally {
    await compare.close();
  }
}

/** Rows that follow each other. */
interface Block {
  readonly start: number;
  readonly size: number;
}

/** Rows in one product: 2048 x 2048 cosines are 16 MB. */
const BLOCK_ROWS = 2048;

/** What {@link withNearest} looks with. */
export class NearestSearch {
  readonly #runtime: Runtime;
  readonly #compare: Session;
  readonly #options: NearestOptions;

  /** @param compare - of `composeNearest` */
  constructor(runtime: Runtime, compare: Session, options: NearestOptions) {
    this.#runtime = runtime;
    this.#compare = compare;
    this.#options = options;
  }

  /**
   * The nearest of each row. All pairs are compared, block by block, in matrix products; only the nearest of each block come back, and no more
   * than three blocks are in memory.
   *
   * @param asked - for these rows neighbours are looked for
   * @param among - neighbours are looked for among these; where they are the same, no row is its own neighbour
   * @param onProgress - called with the number of rows that are done
   * @returns neighbours of the first row, nearest first, then those of the second, and so on. Rows of zeros have cosine 0 with all
   */
  async find(
    asked: Rows,
    among: Rows,
    onProgress?: (done: number, total: number) => void,
  ): Promise<Neighbour[]> {
    const isSame = asked === among;
    const best = Array.from({ length: asked.count }, (): Neighbour[] => []);
    const queries = blocksOf(asked);
    const keys = blocksOf(among);
    const products = isSame ? (keys.length * (keys.length + 1)) / 2 : queries.length * keys.length;
    let done = 0;
    for (const [q, query] of queries.entries()) {
      const held = await this.#runtime.hold(await this.#read(asked, query));
      try {
        // Among themselves, a product serves the rows of both blocks.
        const others = isSame ? keys.slice(q) : keys;
        for await (const [key, rows] of readAhead(others, (each) => this.#read(among, each))) {
          const isBoth = isSame && key.start !== query.start;
          const found = await this.#compare.run<"cosine" | "index" | "cosine_back" | "index_back">(
            { query: held, key: rows },
            { fetch: isBoth ? ["cosine", "index", "cosine_back", "index_back"] : ["cosine", "index"] },
          );
          const { cosine, index, cosine_back: back, index_back: indexBack } = found;
          this.#keep(best, neighboursOf(query, key, cosine, index), isSame);
          if (isBoth) this.#keep(best, neighboursOf(key, query, back, indexBack), isSame);
          onProgress?.(Math.floor((++done / products) * asked.count), asked.count);
        }
      } finally {
        await this.#runtime.drop(held);
      }
    }
    return best.flat();
  }

  #read(rows: Rows, { start, size }: Block): Promise<Tensor> {
    return readTensor(this.#runtime, rows, rowNumbers(start, start + size));
  }

  /** Takes in neighbours that were found in another block. */
  #keep(best: readonly Neighbour[][], found: Iterable<Neighbour>, isSame: boolean): void {
    const { count, least = -1 } = this.#options;
    const changed = new Set<Neighbour[]>();
    for (const neighbour of found) {
      const { row, other, cosine } = neighbour;
      const list = best[row];
      if (list === undefined || !(cosine >= least) || (isSame && row === other)) continue;
      list.push(neighbour);
      changed.add(list);
    }
    for (const list of changed) {
      list.sort((a, b) => b.cosine - a.cosine || a.other - b.other);
      list.splice(count);
    }
  }
}

function blocksOf({ count }: Rows): Block[] {
  return Array.from({ length: Math.ceil(count / BLOCK_ROWS) }, (_, i) => {
    const start = i * BLOCK_ROWS;
    return { start, size: Math.min(BLOCK_ROWS, count - start) };
  });
}

function* neighboursOf(rows: Block, others: Block, cosine: Tensor, index: Tensor): Generator<Neighbour> {
  const cosines = floats(cosine);
  const indices = integers(index);
  const each = cosines.length / rows.size;
  for (const [at, value] of cosines.entries())
    yield {
      row: rows.start + Math.floor(at / each),
      other: others.start + (indices[at] ?? 0),
      cosine: value,
    };
}

function composeNearest({ width, count }: NearestOptions): Graph {
  const b = new GraphBuilder("nearest rows");
  const query = b.input("query", "float32", ["N", width]);
  const key = b.input("key", "float32", ["M", width]);
  const products = b.node("Gemm", [addUnit(b, query), addUnit(b, key)], { transB: 1 });
  for (const [suffix, cosines, others] of [
    ["", products, key],
    ["_back", b.node("Transpose", [products], { perm: [1, 0] }), query],
  ] as const) {
    // A row itself may be among its nearest.
    const most = b.node("Min", [b.integers([count + 1]), b.node("Shape", [others], { start: 0, end: 1 })]);
    const [cosine, index] = b.nodes("TopK", [cosines, most], 2, { axis: 1, largest: 1, sorted: 1 });
    b.output(`cosine${suffix}`, "float32", ["N", `K${suffix}`], cosine);
    b.output(`index${suffix}`, "int64", ["N", `K${suffix}`], index);
  }
  return b.build();
}
