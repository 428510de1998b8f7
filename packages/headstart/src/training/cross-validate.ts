import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, GraphBuilder } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Runtime } from "../runtime/index.js";
import { assignFolds } from "./folds.js";
import { addHead } from "./head.js";
import { type Block, type LabelledFeatures, LinearFit, rowsOf } from "./linear-fit.js";

/** How {@link crossValidate} fits. */
export interface CrossValidateOptions {
  /** Length of a photo's features. */
  readonly features: number;
  readonly classes: number;
  /** Strength of the L2 penalty, as for `fitLinearHead`. */
  readonly l2: number;
  /** Rows that no head is fitted on; they get probabilities all the same. */
  readonly leftOut?: ReadonlySet<number>;
  /** Decides which photo is in which fold: the same numbers give the same folds. */
  readonly random: Random;
  readonly signal?: AbortSignal;
  /** Called after each fit with how many are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What photos are taken for by heads that were fitted without them. */
export interface CrossValidated {
  /** `[N, C]`, row by row. */
  readonly probabilities: Float32Array<ArrayBuffer>;
  /** Mean cross-entropy of the photos that were fitted on, each by the head of the folds that it is not in. */
  readonly loss: number;
}

/**
 * Probabilities of each photo from a softmax head that has not seen it: photos are divided into folds (`assignFolds`), and each fold is
 * answered by the head that fits the others. Heads are those of `fitLinearHead`.
 *
 * @param runtime - runs the graphs and holds the features
 * @param photos - features, labels and content hashes
 * @param options - sizes, penalty, who is left out
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it; `INVALID_DATA` if a feature is infinite or not a number
 */
export async function crossValidate(
  runtime: Runtime,
  photos: LabelledFeatures,
  options: CrossValidateOptions,
): Promise<CrossValidated> {
  const { features, classes, leftOut = new Set<number>() } = options;
  const folds = assignFolds(photos, options.random);
  const fit = await LinearFit.load(runtime, features, classes);
  const answer = await runtime.load(composeAnswer(features, classes));
  try {
    const divided = folds.map((rows) => ({
      kept: rows.filter((row) => !leftOut.has(row)),
      others: rows.filter((row) => leftOut.has(row)),
    }));
    const statistics = await fit.statistics(
      photos,
      divided.map(({ kept }) => kept),
    );
    const parts: Part[] = [];
    for (const { kept, others } of divided)
      parts.push({
        rows: [...kept, ...others],
        kept: await fit.hold(photos, kept, statistics),
        others: await fit.hold(photos, others, statistics),
      });
    const kept = photos.count - leftOut.size;
    // The head is to be used on what is held, which is standardised already.
    const none = { mean: float32([1, features], new Float32Array(features)), scale: float32([], [1]) };
    const probabilities = new Float32Array(photos.count * classes);
    let loss = 0;
    for (const [k, part] of parts.entries()) {
      const rest = parts.filter((other) => other !== part).flatMap((other) => other.kept);
      const point = await fit.zeros();
      await fit.minimise(rest, options.l2, point, {
        iterations: 50,
        tolerance: 1e-6,
        gain: 1e-3,
        patience: 1,
        onIteration: () => stopIfAsked(options.signal),
      });
      if (part.kept.length > 0)
        loss += ((await fit.measure(part.kept, point)).loss * rowsOf(part.kept)) / kept;
      const head = await fit.result(point, none);
      let at = 0;
      for (const { features: held, rows } of [...part.kept, ...part.others]) {
        const found = await answer.run<"probabilities">({ features: held, ...head });
        const values = floats(found.probabilities);
        for (let i = 0; i < rows; i++, at++)
          probabilities.set(values.subarray(i * classes, (i + 1) * classes), (part.rows[at] ?? 0) * classes);
      }
      options.onProgress?.(k + 1, parts.length);
    }
    return { probabilities, loss };
  } finally {
    await answer.close();
    await fit.close();
  }
}

/** A fold: its rows, those that are left out last, and their features in the same order. */
interface Part {
  readonly rows: readonly number[];
  readonly kept: readonly Block[];
  readonly others: readonly Block[];
}

/** Features and a head to probabilities. */
function composeAnswer(features: number, classes: number): Graph {
  const b = new GraphBuilder("probabilities of a head");
  const x = b.input("features", "float32", ["N", features]);
  const weight = b.input("weight", "float32", [features, classes]);
  const bias = b.input("bias", "float32", [classes]);
  const { logits } = addHead(b, { features: x, weight, bias });
  b.output("probabilities", "float32", ["N", classes], b.node("Softmax", [logits], { axis: -1 }));
  return b.build();
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Cross-validation was interrupted.");
}
