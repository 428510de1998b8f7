export * from "./augment.js";
export * from "./evaluate.js";
export type { Precision } from "./folder.js";
export * from "./progress.js";
export * from "./train.js";
