import { differentiate } from "../autodiff/index.js";
import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, GraphBuilder, inferShapes, int64, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Held, Runtime, Session } from "../runtime/index.js";
import { assignFolds } from "./folds.js";
import { Lbfgs } from "./lbfgs.js";

/** Strengths of the L2 penalty that cross-validation tries, from strong to weak, on features of unit variance. */
const STRENGTHS: readonly number[] = Array.from({ length: 11 }, (_, i) => 10 ** (0 - i / 2));

/** Rows that one run of the objective takes: enough for a fast product, little enough to keep memory flat. */
const BLOCK_ROWS = 4096;

/** Features and labels of some photos, as the fit needs them. */
export interface LabelledFeatures {
  readonly count: number;
  /** Class of each photo, as a number below `classes`. */
  readonly labels: readonly number[];
  /** Content hash of each photo, so that copies of a photo stay in one fold. */
  readonly digests: readonly string[];
  /** Features of these photos, [rows.length, D]. */
  readonly read: (rows: readonly number[]) => Promise<Float32Array<ArrayBuffer>>;
}

/** What the fit reports while it works. */
export type FitProgress =
  | {
      readonly kind: "strength";
      readonly done: number;
      readonly total: number;
      readonly l2: number;
      readonly loss: number;
    }
  | {
      readonly kind: "iteration";
      readonly iteration: number;
      /** Mean cross-entropy of the training photos, without the penalty. */
      readonly loss: number;
      readonly accuracy: number;
      readonly validationLoss: number | null;
      readonly validationAccuracy: number | null;
    };

/** How {@link fitLinearHead} fits. */
export interface FitOptions {
  readonly features: number;
  readonly classes: number;
  /** Strength of the penalty, or `cross-validated` to have it chosen. */
  readonly l2: number | "cross-validated";
  /** Most iterations of the last fit. */
  readonly iterations: number;
  readonly random: Random;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FitProgress) => void;
}

/** A fitted head: `weight` [D, C] and `bias` [C], on features as they come. */
export interface LinearHead {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Strength of the penalty, as given or as chosen. */
  readonly l2: number;
  /** Mean cross-entropy of held-out training photos for each strength that was tried. */
  readonly crossValidation: readonly { readonly l2: number; readonly loss: number }[];
}

/**
 * Fits a softmax head on stored features by L-BFGS: the mean cross-entropy plus `l2 / 2` times the squared weights is minimised. Features
 * are centred and divided by one number for all, so that a strength means the same for every backbone; the fitted head takes that back.
 *
 * The strength is chosen by cross-validation among the training photos: the one with the smallest cross-entropy on the folds left out.
 * Each fold goes from the strongest to weaker ones, starting from where it stood, until two in a row are no better.
 *
 * Source: the objective is that of logistic regression in T. Hastie et al., The Elements of Statistical Learning, section 4.4.
 *
 * @param runtime - runs the graphs and holds the features
 * @param train - the photos to fit on
 * @param validation - photos to measure on after each iteration of the last fit; they decide nothing
 * @param options - sizes, penalty, limits
 */
export async function fitLinearHead(
  runtime: Runtime,
  train: LabelledFeatures,
  validation: LabelledFeatures | undefined,
  options: FitOptions,
): Promise<LinearHead> {
  const { features, classes } = options;
  const size = features * classes + classes;
  const folds = options.l2 === "cross-validated" ? assignFolds(train, options.random) : [range(train.count)];
  const fit = await Fit.load(runtime, features, classes);
  try {
    const { mean, scale } = await fit.statistics(train);
    const blocks = await Promise.all(folds.map((rows) => fit.hold(train, rows, mean, scale)));
    const held = validation && (await fit.hold(validation, range(validation.count), mean, scale));
    const crossValidation: { l2: number; loss: number }[] = [];
    if (options.l2 === "cross-validated") {
      const points = await Promise.all(folds.map(() => fit.zeros(size)));
      for (const l2 of STRENGTHS) {
        let loss = 0;
        for (const [k, left] of blocks.entries()) {
          const rest = blocks.filter((_, i) => i !== k).flat();
          const point = points[k];
          if (point === undefined) continue;
          await fit.minimise(rest, l2, point, size, { iterations: 50, tolerance: 1e-3 });
          loss += (await fit.measure(left, point)).loss * (rowsOf(left) / train.count);
          stopIfAsked(options.signal);
        }
        crossValidation.push({ l2, loss });
        options.onProgress?.({
          kind: "strength",
          done: crossValidation.length,
          total: STRENGTHS.length,
          l2,
          loss,
        });
        if (noBetterTwice(crossValidation)) break;
      }
      await runtime.drop(...points);
    }
    const l2 = options.l2 === "cross-validated" ? best(crossValidation).l2 : options.l2;
    const point = await fit.zeros(size);
    const all = blocks.flat();
    await fit.minimise(all, l2, point, size, {
      iterations: options.iterations,
      tolerance: 1e-5,
      onIteration: async (iteration, reached) => {
        const now = await fit.measure(all, reached);
        const later = held && (await fit.measure(held, reached));
        options.onProgress?.({
          kind: "iteration",
          iteration,
          loss: now.loss,
          accuracy: now.accuracy,
          validationLoss: later?.loss ?? null,
          validationAccuracy: later?.accuracy ?? null,
        });
        stopIfAsked(options.signal);
      },
    });
    const { weight, bias } = await fit.result(point, mean, scale);
    await runtime.drop(point, ...[...all, ...(held ?? [])].flatMap((block) => [block.features, block.label]));
    return { weight, bias, l2, crossValidation };
  } finally {
    await fit.close();
  }
}

interface Block {
  readonly features: Held;
  readonly label: Held;
  readonly rows: number;
}

/** The graphs of the fit, and what is done with them. */
class Fit {
  readonly #runtime: Runtime;
  readonly #features: number;
  readonly #graphs: Record<keyof ReturnType<typeof composeFit>, Session>;
  readonly #lbfgs: Lbfgs;

  private constructor(
    runtime: Runtime,
    features: number,
    graphs: Record<keyof ReturnType<typeof composeFit>, Session>,
    lbfgs: Lbfgs,
  ) {
    this.#runtime = runtime;
    this.#features = features;
    this.#graphs = graphs;
    this.#lbfgs = lbfgs;
  }

  static async load(runtime: Runtime, features: number, classes: number): Promise<Fit> {
    const { statistics, standardise, penalty, objective, measure, result } = composeFit(features, classes);
    const graphs = {
      statistics: await runtime.load(statistics),
      standardise: await runtime.load(standardise),
      penalty: await runtime.load(penalty),
      objective: await runtime.load(objective),
      measure: await runtime.load(measure),
      result: await runtime.load(result),
    };
    return new Fit(runtime, features, graphs, await Lbfgs.load(runtime));
  }

  zeros(size: number): Promise<Held> {
    return this.#runtime.hold(float32([size], new Float32Array(size)));
  }

  /** Mean of each feature, and one over the root of the mean variance. */
  async statistics(set: LabelledFeatures): Promise<{ mean: Tensor; scale: Tensor }> {
    const D = this.#features;
    let mean = float32([1, D], new Float32Array(D));
    let square = float32([], [0]);
    for (const rows of chunks(range(set.count))) {
      const share = float32([], [1 / set.count]);
      const found = await this.#graphs.statistics.run<"mean_out" | "square_out">({
        features: await this.#read(set, rows),
        share,
        mean_in: mean,
        square_in: square,
      });
      mean = found.mean_out;
      square = found.square_out;
    }
    const meanSquare = floats(mean).reduce((sum, value) => sum + value * value, 0) / D;
    const variance = (floats(square)[0] ?? 0) - meanSquare;
    return { mean, scale: float32([], [variance > 1e-12 ? 1 / Math.sqrt(variance) : 1]) };
  }

  /** Standardised features and labels of some photos, left with the runtime in blocks. */
  async hold(set: LabelledFeatures, rows: readonly number[], mean: Tensor, scale: Tensor): Promise<Block[]> {
    const blocks: Block[] = [];
    for (const chunk of chunks(rows)) {
      const raw = await this.#read(set, chunk);
      const features = await this.#runtime.hold({
        ...raw,
        data: this.#runtime.allocate(raw.data.byteLength),
      });
      await this.#graphs.standardise.run({ features: raw, mean, scale }, { into: { standard: features } });
      const labels = chunk.map((row) => set.labels[row] ?? 0);
      blocks.push({
        features,
        label: await this.#runtime.hold(int64([chunk.length], labels)),
        rows: chunk.length,
      });
    }
    return blocks;
  }

  async minimise(
    blocks: readonly Block[],
    l2: number,
    point: Held,
    size: number,
    options: Parameters<Lbfgs["minimise"]>[3],
  ): Promise<void> {
    const share = float32([], [1 / rowsOf(blocks)]);
    const strength = float32([], [l2]);
    const spare = await this.zeros(size);
    const objective = async (at: Held, gradient: Held) => {
      // The sum goes to and fro between two vectors and ends in `gradient`.
      let [from, to] = blocks.length % 2 === 0 ? [gradient, spare] : [spare, gradient];
      const { loss } = await this.#graphs.penalty.run(
        { point: at, l2: strength },
        { into: { gradient: from }, fetch: ["loss"] },
      );
      let total = floats(loss)[0] ?? Number.NaN;
      for (const block of blocks) {
        const inputs = {
          features: block.features,
          label: block.label,
          point: at,
          share,
          gradient_in: from,
        };
        const found = await this.#graphs.objective.run(inputs, {
          into: { gradient_out: to },
          fetch: ["loss"],
        });
        [from, to] = [to, from];
        total += floats(found.loss)[0] ?? Number.NaN;
      }
      if (!Number.isFinite(total))
        throw new HeadstartError(
          "INVALID_DATA",
          "The loss is no number.",
          "The backbone's features are infinite or not a number for some photo.",
        );
      return total;
    };
    await this.#lbfgs.minimise(objective, point, size, options);
    await this.#runtime.drop(spare);
  }

  async measure(blocks: readonly Block[], point: Held): Promise<{ loss: number; accuracy: number }> {
    const share = float32([], [1 / rowsOf(blocks)]);
    const sum = { loss: 0, accuracy: 0 };
    for (const { features, label } of blocks) {
      const found = await this.#graphs.measure.run<"loss" | "accuracy">({ features, label, point, share });
      sum.loss += floats(found.loss)[0] ?? 0;
      sum.accuracy += floats(found.accuracy)[0] ?? 0;
    }
    return sum;
  }

  result(point: Held, mean: Tensor, scale: Tensor): Promise<Record<"weight" | "bias", Tensor>> {
    return this.#graphs.result.run<"weight" | "bias">({ point, mean, scale });
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#graphs).map((session) => session.close()));
    await this.#lbfgs.close();
  }

  async #read(set: LabelledFeatures, rows: readonly number[]): Promise<Tensor> {
    return float32([rows.length, this.#features], await set.read(rows));
  }
}

/** All graphs of the fit. A point is the head as one vector: the weights row by row, then the bias. */
function composeFit(features: number, classes: number) {
  const size = features * classes + classes;
  const statistics = new GraphBuilder("feature statistics");
  {
    const b = statistics;
    const x = b.input("features", "float32", ["N", features]);
    const share = b.input("share", "float32", []);
    const mean = b.input("mean_in", "float32", [1, features]);
    const square = b.input("square_in", "float32", []);
    const sum = b.node("ReduceSum", [x, b.integers([0])], { keepdims: 1 });
    b.output("mean_out", "float32", [1, features], b.node("Add", [mean, b.node("Mul", [sum, share])]));
    const squares = b.node("ReduceSum", [b.node("Mul", [b.node("Mul", [x, x]), b.scalar(1 / features)])], {
      keepdims: 0,
    });
    b.output("square_out", "float32", [], b.node("Add", [square, b.node("Mul", [squares, share])]));
  }

  const standardise = new GraphBuilder("standardise");
  {
    const b = standardise;
    const x = b.input("features", "float32", ["N", features]);
    const mean = b.input("mean", "float32", [1, features]);
    const scale = b.input("scale", "float32", []);
    b.output("standard", "float32", ["N", features], b.node("Mul", [b.node("Sub", [x, mean]), scale]));
  }

  const head = (b: GraphBuilder) => {
    const point = b.input("point", "float32", [size]);
    const [flat, bias] = b.nodes("Split", [point, b.integers([features * classes, classes])], 2, { axis: 0 });
    const weight = b.node("Reshape", [flat ?? "", b.integers([features, classes])], {}, { name: "kernel" });
    return { point, weight, bias: bias ?? "" };
  };
  const vector = (b: GraphBuilder, weight: string, bias: string) =>
    b.node("Concat", [b.node("Reshape", [weight, b.integers([-1])]), bias], { axis: 0 });

  const penalty = (() => {
    const b = new GraphBuilder("penalty");
    const { weight } = head(b);
    const l2 = b.input("l2", "float32", []);
    const squares = b.node("ReduceSum", [b.node("Mul", [weight, weight])], { keepdims: 0 });
    b.output("loss", "float32", [], b.node("Mul", [b.node("Mul", [squares, b.scalar(0.5)]), l2]));
    const { graph, gradients } = differentiate(inferShapes(b.build()), "loss", [weight]);
    const whole = GraphBuilder.from(graph);
    const none = whole.constant("no_bias", float32([classes], new Float32Array(classes)));
    whole.output("gradient", "float32", [size], vector(whole, gradients.get(weight) ?? "", none));
    return whole.build();
  })();

  const crossEntropy = (b: GraphBuilder) => {
    const x = b.input("features", "float32", ["N", features]);
    const label = b.input("label", "int64", ["N"]);
    const share = b.input("share", "float32", []);
    const { weight, bias } = head(b);
    const logits = b.node("Gemm", [x, weight, bias]);
    const logs = b.node("LogSoftmax", [logits], { axis: 1 });
    const ends = b.constant("off_on", float32([2], [0, 1]));
    const target = b.node("OneHot", [label, b.integers([classes]), ends], { axis: 1 });
    const sum = b.node("ReduceSum", [b.node("Mul", [logs, target])], { keepdims: 0 });
    b.output("loss", "float32", [], b.node("Mul", [b.node("Neg", [sum]), share]));
    return { label, share, weight, bias, logits };
  };

  const objective = (() => {
    const b = new GraphBuilder("cross-entropy");
    const { weight, bias } = crossEntropy(b);
    const { graph, gradients } = differentiate(inferShapes(b.build()), "loss", [weight, bias]);
    const whole = GraphBuilder.from(graph);
    const before = whole.input("gradient_in", "float32", [size]);
    const here = vector(whole, gradients.get(weight) ?? "", gradients.get(bias) ?? "");
    whole.output("gradient_out", "float32", [size], whole.node("Add", [before, here]));
    return whole.build();
  })();

  const measure = new GraphBuilder("measure");
  {
    const b = measure;
    const { label, share, logits } = crossEntropy(b);
    const right = b.node("Equal", [b.node("ArgMax", [logits], { axis: 1, keepdims: 0 }), label]);
    const count = b.node("ReduceSum", [b.node("Cast", [right], { to: 1 })], { keepdims: 0 });
    b.output("accuracy", "float32", [], b.node("Mul", [count, share]));
  }

  const result = new GraphBuilder("head on features as they come");
  {
    const b = result;
    const { weight, bias } = head(b);
    const mean = b.input("mean", "float32", [1, features]);
    const scaled = b.node("Mul", [weight, b.input("scale", "float32", [])]);
    b.output("weight", "float32", [features, classes], scaled);
    const shift = b.node("Reshape", [b.node("MatMul", [mean, scaled]), b.integers([classes])]);
    b.output("bias", "float32", [classes], b.node("Sub", [bias, shift]));
  }

  return {
    statistics: statistics.build(),
    standardise: standardise.build(),
    penalty,
    objective,
    measure: measure.build(),
    result: result.build(),
  } satisfies Record<string, Graph>;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function chunks(rows: readonly number[]): number[][] {
  const parts = Math.ceil(rows.length / BLOCK_ROWS);
  return Array.from({ length: parts }, (_, i) => rows.slice(i * BLOCK_ROWS, (i + 1) * BLOCK_ROWS));
}

function rowsOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { rows }) => sum + rows, 0);
}

function best(tried: readonly { readonly l2: number; readonly loss: number }[]): {
  l2: number;
  loss: number;
} {
  return tried.reduce((first, next) => (next.loss < first.loss ? next : first));
}

function noBetterTwice(tried: readonly { readonly l2: number; readonly loss: number }[]): boolean {
  return tried.length > 2 && best(tried.slice(0, -2)).loss <= best(tried.slice(-2)).loss;
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The fit was interrupted.");
}
