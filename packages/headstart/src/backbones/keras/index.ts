export { KERAS_APPLICATIONS, type KerasApplication } from "./applications/index.js";
export { type Converted, convertKeras } from "./convert.js";
