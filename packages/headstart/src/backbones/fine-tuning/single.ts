import { fromHalf } from "../../onnx/half.js";
import {
  aligned,
  elementTypeCode,
  float32,
  type Node,
  numbersOf,
  type Tensor,
  tensorOf,
} from "../../onnx/index.js";

/** What each of the 65,536 halves is, once one is asked for: networks have millions. */
let halves: Float32Array | undefined;

/** A floating-point tensor in float32. */
export function single(tensor: Tensor): Tensor {
  if (tensor.type === "float32") return tensor;
  if (tensor.type !== "float16") return tensorOf("float32", tensor.dims, numbersOf(tensor));
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromHalf(bits));
  const data = aligned(tensor.data, 2);
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i] ?? 0] ?? 0;
  return float32(tensor.dims, values);
}

/** Whether a node makes the same of a floating-point constant, in float32. */
export function isCopy({ op, domain, attributes }: Node): boolean {
  if (domain !== "") return false;
  const to = attributes.get("to");
  return (
    op === "Identity" || (op === "Cast" && to?.kind === "int" && to.value === elementTypeCode("float32"))
  );
}
