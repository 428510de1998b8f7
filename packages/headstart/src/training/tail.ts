import { foldNormalisation } from "../onnx/fold-normalisation.js";
import type { Graph } from "../onnx/index.js";
import { type Statistic, type TrainedNormalisation, trainNormalisation } from "./batch-norm.js";
import type { PlacedParameter } from "./update.js";

/** The part of a backbone that trains. */
export interface Tail {
  /**
   * Inputs: `activations`, and each parameter under its name; output: `features`, float `[N, D]`. Names of its inputs must not be those of a
   * step's inputs and outputs; names within it may be any. Its normalisations by batch are in inference form.
   */
  readonly graph: Graph;
  readonly parameters: readonly PlacedParameter[];
  /** Normalisations by batch that may use and move statistics of the batch; none by default. */
  readonly statistics?: readonly Statistic[] | undefined;
}

/** What normalisations by batch in the tail use: their running statistics, which stay as they are, or those of the batch. */
export type BatchNorm = "frozen" | "train";

/**
 * The tail as it is differentiated. With `frozen` statistics, normalisation becomes arithmetic on filters; with `train`, it has one more input
 * `NAME` and one more output `NAME.next` for each running statistic.
 */
export function tailInStep({ graph, statistics = [] }: Tail, batchNorm: BatchNorm): TrainedNormalisation {
  return batchNorm === "train"
    ? trainNormalisation(graph, statistics)
    : { graph: foldNormalisation(graph), statistics: [] };
}

/** The tail as it is measured, in inference form; with `train`, the running statistics are inputs. */
export function tailInEvaluation({ graph, statistics = [] }: Tail, batchNorm: BatchNorm): Graph {
  if (batchNorm === "frozen") return foldNormalisation(graph);
  const moving = new Set(statistics.flatMap(({ mean, variance }) => [mean, variance]));
  const inputs = [...graph.initializers]
    .filter(([name]) => moving.has(name))
    .map(([name, { type, dims }]) => ({ name, type, shape: dims }));
  return {
    ...graph,
    inputs: [...graph.inputs, ...inputs],
    initializers: new Map([...graph.initializers].filter(([name]) => !moving.has(name))),
  };
}
