export * from "./metrics.js";
export * from "./ranking.js";
export * from "./wilson.js";
