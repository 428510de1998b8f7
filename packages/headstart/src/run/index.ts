export * from "./augment.js";
export type { TrainingOptions } from "./begin.js";
export * from "./evaluate.js";
export * from "./explain.js";
export type { Precision } from "./folder.js";
export * from "./lr-find.js";
export * from "./map-pictures.js";
export * from "./progress.js";
export * from "./train.js";
