export * from "./classifier.js";
export * from "./compose.js";
export * from "./provenance.js";
export * from "./summary.js";
