import { z } from "zod";
import { activate, readActivation } from "../activations.js";
import type { Emitter } from "../context.js";
import { Count } from "../schemas.js";
import { reshaped, transposed } from "../transposed.js";
import type { Value } from "../value.js";

const Config = z.object({
  units: Count,
  use_bias: z.boolean().default(true),
  activation: z.unknown().optional(),
});

/**
 * Acts on the last axis: a `Gemm` on rows, a 1 x 1 `Conv` on pictures with their channels in front, a `MatMul` on the
 * rest.
 */
const dense: Emitter = (call) => {
  const { units, use_bias, activation: written } = call.config(Config);
  const input = call.input();
  const rank = input.shape.length;
  if (rank < 2) throw call.invalid("it needs at least two dimensions");
  const width = call.size(input.shape.at(-1), "the size of its input's last axis");
  const [kernel, bias] = call.weights([
    { name: "kernel", shape: [width, units] },
    ...(use_bias ? [{ name: "bias", shape: [units] }] : []),
  ]);
  if (kernel === undefined) throw call.invalid("it has no kernel");
  const activation = readActivation(call, written);
  const part = activation && "dense";
  const made: Omit<Value, "name"> = { ...input, shape: [...input.shape.slice(0, -1), units] };
  const name = ((): string => {
    if (made.layout === "channels-first") {
      const filters = reshaped(transposed(kernel, [1, 0]), [units, width, 1, 1]);
      const constants = [call.constant("kernel", filters), ...(bias ? [call.constant("bias", bias)] : [])];
      return call.node("Conv", [input.name, ...constants], { kernel_shape: [1, 1] }, part);
    }
    const weight = call.constant("kernel", kernel);
    if (bias === undefined) return call.node("MatMul", [input.name, weight], {}, part);
    const offset = call.constant("bias", bias);
    if (rank === 2) return call.node("Gemm", [input.name, weight, offset], {}, part);
    return call.node("Add", [call.node("MatMul", [input.name, weight], {}, "matmul"), offset], {}, part);
  })();
  return activate(call, activation, { ...made, name });
};

/** Fully connected layers by class name. */
export const DENSE: Readonly<Record<string, Emitter>> = { Dense: dense };
