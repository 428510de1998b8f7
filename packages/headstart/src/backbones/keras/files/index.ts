export { type KerasFile, openKerasFile } from "./keras-file.js";
export type { FileWeights } from "./stored.js";
