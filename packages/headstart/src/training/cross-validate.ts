import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, GraphBuilder } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Runtime } from "../runtime/index.js";
import { assignFolds } from "./folds.js";
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
  const softmax = await runtime.load(composeSoftmax(classes));
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
    const logits = new Float32Array(photos.count * classes);
    let loss = 0;
    for (const [k, part] of parts.entries()) {
      const rest = parts.filter((other) => other !== part).flatMap((other) => other.kept);
      const point = await fit.zeros();
      await fit.minimiseRoughly(rest, options.l2, point, () => stopIfAsked(options.signal));
      if (part.kept.length > 0)
        loss += ((await fit.measure(part.kept, point)).loss * rowsOf(part.kept)) / kept;
      await fit.writeLogits([...part.kept, ...part.others], part.rows, point, logits);
      options.onProgress?.(k + 1, parts.length);
    }
    const found = await softmax.run<"probabilities">({ logits: float32([photos.count, classes], logits) });
    return { probabilities: Float32Array.from(floats(found.probabilities)), loss };
  } finally {
    await softmax.close();
    await fit.close();
  }
}

/** A fold: its rows, those that are left out last, and their features in the same order. */
interface Part {
  readonly rows: readonly number[];
  readonly kept: readonly Block[];
  readonly others: readonly Block[];
}

function composeSoftmax(classes: number): Graph {
  const b = new GraphBuilder("softmax");
  const logits = b.input("logits", "float32", ["N", classes]);
  b.output("probabilities", "float32", ["N", classes], b.node("Softmax", [logits], { axis: -1 }));
  return b.build();
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Cross-validation was interrupted.");
}
