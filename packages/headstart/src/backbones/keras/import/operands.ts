import { type Dim, float32, type Tensor } from "../../../onnx/index.js";
import type { LayerCall } from "./context.js";
import { reshaped, transposed } from "./transposed.js";
import { storedShape, type Value } from "./value.js";

/**
 * Brings tensors that are combined element by element to one layout: channels in front if any of them has them there.
 *
 * @throws HeadstartError `UNSUPPORTED` if they do not have the same number of dimensions
 */
export function aligned(call: LayerCall, values: readonly Value[]): readonly Value[] {
  const ranks = new Set(values.map(({ shape }) => shape.length));
  if (ranks.size > 1)
    throw call.unsupported(`it combines tensors of ${[...ranks].sort().join(" and ")} dimensions`);
  return values.some(({ layout }) => layout === "channels-first")
    ? values.map((value) => call.channelsFirst(value))
    : values.map((value) => call.keras(value));
}

/** The shape that tensors broadcast to. */
export function broadcastShape(call: LayerCall, values: readonly Value[]): readonly Dim[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dim = 1;
    for (const { shape } of values) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result === 1) result = dim;
      else if (typeof result === "number" && typeof dim === "number")
        throw call.invalid(`sizes ${result} and ${dim} do not go together`);
      else if (typeof dim === "number") result = dim;
    }
    return result;
  });
}

/**
 * A constant that stands among a layer's arguments, as a tensor that broadcasts against `like` in the layout of it.
 */
export function constantOperand(call: LayerCall, written: unknown, like: Value, name: string): string {
  if (typeof written === "number") return call.scalar(written);
  const found = asTensor(written);
  if (found === undefined) throw call.unsupported("an argument of it is neither a tensor nor numbers");
  const rank = like.shape.length;
  if (found.dims.length > rank)
    throw call.invalid(`a constant of ${found.dims.length} dimensions is combined with a tensor of ${rank}`);
  const dims = [...Array<number>(rank - found.dims.length).fill(1), ...found.dims];
  const tensor = reshaped(found, dims);
  return call.constant(name, like.layout === "channels-first" ? transposed(tensor, [0, 3, 1, 2]) : tensor);
}

/** Nested lists of numbers as a tensor, if they make one. */
function asTensor(written: unknown): Tensor | undefined {
  const dims: number[] = [];
  for (let level = written; Array.isArray(level) && dims.length < 5; level = level[0])
    dims.push(level.length);
  if (!Array.isArray(written) || dims.length > 4) return undefined;
  const flat: unknown[] = written.flat(4);
  if (!flat.every((value) => typeof value === "number")) return undefined;
  return flat.length === dims.reduce((a, b) => a * b, 1) ? float32(dims, flat) : undefined;
}

/**
 * Whether moving the channels leaves the elements of a value in their order, so that a reshape may read it in either
 * layout.
 */
export function orderIsKept(value: Value): boolean {
  if (value.layout === "keras") return true;
  const [, channels, height, width] = storedShape(value);
  return channels === 1 || (height === 1 && width === 1);
}
