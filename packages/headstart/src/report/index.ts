export * from "./confusion.js";
export * from "./curves.js";
export * from "./grid.js";
export * from "./heat.js";
export * from "./learning-rates.js";
export * from "./sheet.js";
export type { StepPoint } from "./steps.js";
export type { Tile } from "./tile.js";
