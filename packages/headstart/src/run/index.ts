export * from "./augment.js";
export * from "./evaluate.js";
export * from "./progress.js";
export * from "./train.js";
