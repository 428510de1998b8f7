import { Tensor } from "onnxruntime-node";

/**
 * Makes ONNX Runtime hold float16 elements in a `Uint16Array` on every Node. From Node 24 on there is a `Float16Array`, which its JavaScript
 * side would take and its binding (1.30) cannot read. It looks for that once, with its first tensor; this is to be called before.
 */
export function holdFloat16AsUint16(): void {
  const found = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
  if (found === undefined) return;
  Reflect.deleteProperty(globalThis, "Float16Array");
  new Tensor("uint8", [0], [1]);
  Object.defineProperty(globalThis, "Float16Array", found);
}
