import { readTensor } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, int64, scalar, type Tensor } from "../onnx/index.js";
import type { Held, Runtime, Session } from "../runtime/index.js";
import { Lbfgs, type MinimiseOptions } from "./lbfgs.js";
import { composeLinearFit, composeMean, composeStandardise, composeVariance } from "./linear-graphs.js";

/** Rows that one run of the objective takes: enough for a fast product, little enough to keep memory flat. */
const BLOCK_ROWS = 4096;

/** Features and labels of some photos, as the fit needs them. */
export interface LabelledFeatures {
  readonly count: number;
  /** Class of each photo, as a number below `classes`. */
  readonly labels: readonly number[];
  /** Content hash of each photo, so that copies of a photo stay in one fold. */
  readonly digests: readonly string[];
  /** Features of these photos, [rows.length, D]; `memory` of that size may be used for them. */
  readonly read: (
    rows: readonly number[],
    memory?: Float32Array<ArrayBuffer>,
  ) => Promise<Float32Array<ArrayBuffer>>;
}

/** Standardised features and labels of some photos, left with the runtime. */
export interface Block {
  readonly features: Held;
  readonly label: Held;
  readonly rows: number;
}

/** What features are standardised by: the mean of each, [1, D], and one number that all are multiplied by. */
export interface Statistics {
  readonly mean: Tensor;
  readonly scale: Tensor;
}

type Graphs = Record<keyof ReturnType<typeof composeLinearFit>, Session>;

/** The graphs of the fit, and what is done with them. */
export class LinearFit {
  readonly #runtime: Runtime;
  readonly #features: number;
  /** Length of a point. */
  readonly #size: number;
  readonly #graphs: Graphs;
  readonly #lbfgs: Lbfgs;
  readonly #held: Held[] = [];
  #spare: Held | undefined;
  /** Cross-entropy and accuracy at the point that the objective was asked about last. */
  last = { loss: Number.NaN, accuracy: Number.NaN };

  private constructor(runtime: Runtime, features: number, size: number, graphs: Graphs, lbfgs: Lbfgs) {
    this.#runtime = runtime;
    this.#features = features;
    this.#size = size;
    this.#graphs = graphs;
    this.#lbfgs = lbfgs;
  }

  static async load(runtime: Runtime, features: number, classes: number): Promise<LinearFit> {
    const graphs = composeLinearFit(features, classes);
    const load = async (name: keyof typeof graphs) => [name, await runtime.load(graphs[name])] as const;
    const names = Object.keys(graphs) as (keyof typeof graphs)[];
    const [lbfgs, ...sessions] = await Promise.all([Lbfgs.load(runtime), ...names.map(load)]);
    const size = features * classes + classes;
    return new LinearFit(runtime, features, size, Object.fromEntries(sessions) as Graphs, lbfgs);
  }

  /** A point of zeros, held until the fit is closed. */
  async zeros(): Promise<Held> {
    return await this.#hold(float32([this.#size], new Float32Array(this.#size)));
  }

  /**
   * Mean of each feature, and one over the root of the mean variance. Features are read block by block, and none are kept.
   *
   * @param rows - the photos of each fold
   * @throws HeadstartError `INVALID_DATA` if a feature is infinite or not a number
   */
  async statistics(set: LabelledFeatures, rows: readonly (readonly number[])[]): Promise<Statistics> {
    const parts = rows.flatMap(chunks);
    const total = rows.flat().length;
    const shareOfAll = (part: readonly number[]) => float32([], [part.length / total]);
    let mean = float32([1, this.#features], new Float32Array(this.#features));
    await this.#with(composeMean(this.#features), async (session) => {
      for (const part of parts) {
        const features = await this.#read(set, part);
        const inputs = { features, share: shareOfAll(part), mean_in: mean };
        mean = (await session.run<"mean_out">(inputs)).mean_out;
      }
    });
    let variance = 0;
    await this.#with(composeVariance(this.#features), async (session) => {
      for (const part of parts) {
        const features = await this.#read(set, part);
        variance += scalar(
          (await session.run<"variance">({ features, mean, share: shareOfAll(part) })).variance,
        );
      }
    });
    if (!Number.isFinite(variance))
      throw new HeadstartError(
        "INVALID_DATA",
        "The head cannot be fitted: the backbone's features are infinite or not a number for some photo.",
        "Look at the backbone's preprocessing, or use another backbone.",
      );
    return { mean, scale: float32([], [variance > 1e-12 ? 1 / Math.sqrt(variance) : 1]) };
  }

  /** Standardised features and labels of some photos, left with the runtime in blocks until the fit is closed. */
  async hold(set: LabelledFeatures, rows: readonly number[], { mean, scale }: Statistics): Promise<Block[]> {
    const blocks: Block[] = [];
    await this.#with(composeStandardise(this.#features), async (session) => {
      for (const chunk of chunks(rows)) {
        const dims = [chunk.length, this.#features];
        const data = this.#runtime.allocate(chunk.length * this.#features * 4);
        const features = await this.#hold({ type: "float32", dims, data });
        const inputs = { features: await this.#read(set, chunk), mean, scale };
        await session.run(inputs, { into: { standard: features } });
        const labels = chunk.map((row) => set.labels[row] ?? 0);
        blocks.push({ features, label: await this.#hold(int64([chunk.length], labels)), rows: chunk.length });
      }
    });
    return blocks;
  }

  /** Uses a graph and frees its memory, which the fit itself would have to do without. */
  async #with(graph: Graph, use: (session: Session) => Promise<void>): Promise<void> {
    const session = await this.#runtime.load(graph);
    try {
      await use(session);
    } finally {
      await session.close();
    }
  }

  async #read(set: LabelledFeatures, rows: readonly number[]): Promise<Tensor> {
    return await readTensor(this.#runtime, { width: this.#features, read: set.read }, rows);
  }

  async minimise(blocks: readonly Block[], l2: number, point: Held, options: MinimiseOptions): Promise<void> {
    const strength = float32([], [l2]);
    this.#spare ??= await this.zeros();
    const spare = this.#spare;
    const objective = async (at: Held, gradient: Held) => {
      // The sum goes to and fro between two vectors and ends in `gradient`.
      let [from, to] = blocks.length % 2 === 0 ? [gradient, spare] : [spare, gradient];
      const penalty = this.#graphs.penalty.run(
        { point: at, l2: strength },
        { into: { gradient: from }, fetch: ["loss"] },
      );
      // All are asked for at once: the runtime does one after another, and the main thread waits once.
      const parts = blocks.map(({ features, label, rows }) => {
        const inputs = { features, label, point: at, share: shareOf(rows, blocks), gradient_in: from };
        const run = this.#graphs.objective.run<"loss" | "correct">(inputs, {
          into: { gradient_out: to },
          fetch: ["loss", "correct"],
        });
        [from, to] = [to, from];
        return run;
      });
      const [{ loss }, ...found] = await Promise.all([penalty, ...parts]);
      this.last = summed(found, blocks);
      return scalar(loss) + this.last.loss;
    };
    await this.#lbfgs.minimise(objective, point, this.#size, options);
  }

  async measure(blocks: readonly Block[], point: Held): Promise<{ loss: number; accuracy: number }> {
    const parts = blocks.map(({ features, label, rows }) =>
      this.#graphs.measure.run<"loss" | "correct">({ features, label, point, share: shareOf(rows, blocks) }),
    );
    return summed(await Promise.all(parts), blocks);
  }

  /**
   * Fits the photos that are not left out, as far as it takes to judge those that are.
   *
   * @param point - where to start, and where it ends
   */
  async minimiseRoughly(
    blocks: readonly Block[],
    l2: number,
    point: Held,
    onIteration: () => void,
  ): Promise<void> {
    await this.minimise(blocks, l2, point, {
      iterations: 50,
      tolerance: 1e-6,
      gain: 1e-3,
      patience: 1,
      onIteration,
    });
  }

  /**
   * Writes the logits of the photos of some blocks.
   *
   * @param rows - for each photo of the blocks, in their order, the row that it has in `into`
   * @param into - [any number, C]
   */
  async writeLogits(
    blocks: readonly Block[],
    rows: readonly number[],
    point: Held,
    into: Float32Array,
  ): Promise<void> {
    const parts = blocks.map(({ features }) => this.#graphs.logits.run<"logits">({ features, point }));
    let at = 0;
    for (const { logits } of await Promise.all(parts)) {
      const [photos = 0, classes = 0] = logits.dims;
      for (let i = 0; i < photos; i++, at++)
        into.set(floats(logits).subarray(i * classes, (i + 1) * classes), (rows[at] ?? 0) * classes);
    }
  }

  result(point: Held, { mean, scale }: Statistics): Promise<Record<"weight" | "bias", Tensor>> {
    return this.#graphs.result.run<"weight" | "bias">({ point, mean, scale });
  }

  /** Frees the graphs, and every vector and block that was held. */
  async close(): Promise<void> {
    await this.#runtime.drop(...this.#held);
    await Promise.all(Object.values(this.#graphs).map((session) => session.close()));
    await this.#lbfgs.close();
  }

  async #hold(tensor: Tensor): Promise<Held> {
    const held = await this.#runtime.hold(tensor);
    this.#held.push(held);
    return held;
  }
}

/** All row numbers below `count`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Number of photos in some blocks. */
export function rowsOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { rows }) => sum + rows, 0);
}

function chunks(rows: readonly number[]): number[][] {
  const parts = Math.ceil(rows.length / BLOCK_ROWS);
  return Array.from({ length: parts }, (_, i) => rows.slice(i * BLOCK_ROWS, (i + 1) * BLOCK_ROWS));
}

/** The part that some rows are of all rows of some blocks. */
function shareOf(rows: number, blocks: readonly Block[]): Tensor {
  return float32([], [rows / rowsOf(blocks)]);
}

/** Mean cross-entropy and accuracy from what the blocks came to. */
function summed(
  parts: readonly Record<"loss" | "correct", Tensor>[],
  blocks: readonly Block[],
): { loss: number; accuracy: number } {
  const sum = { loss: 0, correct: 0 };
  for (const { loss, correct } of parts) {
    sum.loss += scalar(loss);
    sum.correct += scalar(correct);
  }
  return { loss: sum.loss, accuracy: sum.correct / rowsOf(blocks) };
}
