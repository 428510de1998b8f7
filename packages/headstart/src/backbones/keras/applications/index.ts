export { type Architecture, type ArchitectureConfig, readArchitecture, withoutTop } from "./architecture.js";
export { type ApplicationOptions, importApplication } from "./import.js";
export { applicationNamed, KERAS_APPLICATIONS, type KerasApplication } from "./registry.js";
