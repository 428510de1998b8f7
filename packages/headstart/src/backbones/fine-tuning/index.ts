export * from "./describe.js";
export * from "./divide.js";
export { type Block, type DividedNetwork, type NetworkStage, networkStages } from "./stages.js";
export { trained } from "./trained.js";
