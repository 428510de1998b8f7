/**
 * From a folder of labelled photos to a trained, measured and shipped image classifier.
 *
 * {@link train} makes a run, {@link findLearningRate} looks for a learning rate for it; {@link Classifier} answers with its model; {@link evaluateClassifier} measures one on other photos, {@link calibrate} teaches it how certain it may be on them;
 * {@link report} tells a run in one file, {@link compareRuns} tells runs apart, {@link listRuns} lists them;
 * {@link summarise} lists its layers; {@link explain} where it looks; {@link drawAugmented} shows what augmentation does; {@link listNetworks} lists pretrained networks,
 * and {@link convertKeras} makes ONNX of a Keras model. What goes wrong is a {@link HeadstartError}.
 *
 * @module headstart
 */
export {
  type Converted,
  convertKeras,
  type DownloadProgress,
  type LoadOptions,
  listNetworks,
  type NamedNetwork,
  type NetworkChoices,
  type Preprocessing,
} from "./backbones/index.js";
export {
  AUGMENTATIONS,
  type Augmentation,
  type AugmentationName,
  type RandomCrop,
  type Skipped,
  type Split,
} from "./data/index.js";
export { type ErrorCode, HeadstartError } from "./errors.js";
export type {
  CalibratedBand,
  Calibration,
  CertaintyMetrics,
  ClassMetrics,
  Conformal,
  ConformalMethod,
  DetailedClassMetrics,
  DetailedMetrics,
  Figure,
  Interval,
  McNemar,
  PromisedAccuracy,
  ReliabilityBin,
  SplitMetrics,
  Threshold,
} from "./evaluation/index.js";
export type { HeatMap, MapMethod } from "./explain/index.js";
export {
  type Answer,
  type CalibrationPhotos,
  Classifier,
  type ClassifierOptions,
  type ClassProbability,
  type PhotoInput,
  type Prediction,
  type PredictOptions,
  type PretrainedChoices,
  type Provenance,
  type RawPixels,
  readClassNames,
  type Summary,
  type SummaryOptions,
  type SummaryRow,
  summarise,
} from "./model/index.js";
export type { Dim } from "./onnx/index.js";
export {
  type AugmentedSheet,
  type AugmentOptions,
  type Calibrated,
  type CalibrateOptions,
  type ChoiceDifference,
  type ComparedRun,
  type Comparison,
  calibrate,
  compareRuns,
  drawAugmented,
  type EvaluateOptions,
  type Evaluation,
  type ExplainOptions,
  type Explanation,
  type Explanations,
  evaluateClassifier,
  explain,
  type FoundLearningRate,
  findLearningRate,
  type LearningRateOptions,
  type ListedRun,
  listRuns,
  type MeasuredSplit,
  type Metrics,
  type OnProgress,
  type PairOfRuns,
  type Phase,
  type Precision,
  type Progress,
  type ReportOptions,
  type Run,
  type RunFigures,
  type RunOrder,
  report,
  resume,
  type TrainingOptions,
  type TrainOptions,
  train,
  type WrittenReport,
} from "./run/index.js";
export type { Device, RuntimeOptions } from "./runtime/index.js";
export {
  type Adam,
  type AdamW,
  type EpochRow,
  formatRecipe,
  type Initial,
  type LearningRatePoint,
  type LearningRateRange,
  type LogisticRegression,
  loadRecipe,
  type Optimiser,
  parseRecipe,
  RECIPES,
  type Recipe,
  type Rmsprop,
  type Schedule,
  type Sgd,
  type Stage,
} from "./training/index.js";
