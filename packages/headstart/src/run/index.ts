export * from "./augment.js";
export type { TrainingOptions } from "./begin.js";
export * from "./calibrate.js";
export * from "./check.js";
export * from "./check-fix.js";
export {
  type ChoiceDifference,
  type ComparedRun,
  type Comparison,
  compareRuns,
  type PairOfRuns,
} from "./compare.js";
export * from "./evaluate.js";
export * from "./explain.js";
export type { Precision } from "./folder.js";
export * from "./lr-find.js";
export * from "./map-pictures.js";
export type { MeasuredSplit, Metrics } from "./metrics.js";
export * from "./progress.js";
export { type ReportOptions, report, type WrittenReport } from "./report.js";
export * from "./runs.js";
export * from "./train.js";
