export type { Device, RuntimeOptions } from "./runtime/index.js";
export { type ErrorCode, HeadstartError } from "./errors.js";
export type { ClassMetrics, SplitMetrics } from "./evaluation/index.js";
export {
  type Answer,
  Classifier,
  type PhotoInput,
  type Prediction,
  type Provenance,
  type RawPixels,
  type Summary,
  type SummaryRow,
  summarise,
} from "./model/index.js";
export {
  type AugmentedSheet,
  type AugmentOptions,
  drawAugmented,
  type EvaluateOptions,
  type Evaluation,
  evaluateClassifier,
  type OnProgress,
  type Phase,
  type Progress,
  type Run,
  resume,
  type TrainOptions,
  train,
} from "./run/index.js";
export type { EpochRow, Recipe, Stage } from "./training/index.js";
