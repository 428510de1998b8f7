export * from "./class-names.js";
export * from "./classifier.js";
export * from "./compose.js";
export type { PretrainedChoices } from "./pretrained.js";
export * from "./provenance.js";
export * from "./summary.js";
export { recalibrated } from "./temperature.js";
