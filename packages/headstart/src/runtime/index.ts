export * from "./device.js";
export * from "./runtime.js";
