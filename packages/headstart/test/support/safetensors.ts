import { readFileSync } from "node:fs";
import { readSafetensors as read, type Tensor } from "../../src/onnx/index.js";

/** The tensors of a safetensors file. */
export function readSafetensors(path: string): Map<string, Tensor> {
  return read(new Uint8Array(readFileSync(path))).tensors;
}
