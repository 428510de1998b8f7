export * from "./backbone.js";
export * from "./front.js";
export type { Preprocessing } from "./preprocessing.js";
export { preprocessingSchema } from "./preprocessing.js";
