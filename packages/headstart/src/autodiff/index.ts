export * from "./differentiate.js";
export * from "./rule.js";
