export * from "./differentiate.js";
export * from "./recompute.js";
export * from "./rule.js";
