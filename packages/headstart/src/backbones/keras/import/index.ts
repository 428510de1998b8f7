export {
  importKeras,
  type KerasImportOptions,
  type LayerWithWeights,
  layersWithWeights,
} from "./import.js";
