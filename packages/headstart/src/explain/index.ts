export { composeCam, type MapGraph } from "./cam.js";
export * from "./correlation.js";
export { composeGradCam } from "./grad-cam.js";
export { type MapLayer, mapLayers } from "./layer.js";
export * from "./mapper.js";
export * from "./occlusion.js";
export * from "./sanity.js";
