import { elementCount, floats, type Tensor } from "../../../onnx/index.js";

/** One axis of the result: its size, and how far apart its neighbours stand in the source and in the result. */
interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Elements of a square that is moved at once, so that reading and writing both stay in the cache. */
const TILE = 32;

/**
 * A float32 tensor with its axes in another order: axis `i` of the result is axis `perm[i]` of `tensor`. Kernels are
 * reordered with it, once, when they are read. A tensor without data, which only has a shape, stays without.
 */
export function transposed(tensor: Tensor, perm: readonly number[]): Tensor {
  const dims = perm.map((axis) => tensor.dims[axis] ?? 1);
  if (tensor.data.length === 0) return { ...tensor, dims };
  const axes = mergedAxes(tensor.dims, perm);
  // Nothing moves but axes of size 1.
  if (axes.length < 2) return { ...tensor, dims };
  const source = floats(tensor);
  const result = new Float32Array(elementCount(dims));
  const rows = axes.findIndex(({ from }) => from === 1);
  const [row, column] = [axes[rows], axes.at(-1)];
  if (row === undefined || column === undefined) return tensor;
  const others = axes.filter((axis) => axis !== row && axis !== column);
  eachPlace(others, (from, to) => {
    if (row === column) result.set(source.subarray(from, from + row.size), to);
    else moveRectangle(source, result, from, to, row, column);
  });
  return { type: "float32", dims, data: new Uint8Array(result.buffer) };
}

/** The same elements under other dimensions. */
export function reshaped(tensor: Tensor, dims: readonly number[]): Tensor {
  return { ...tensor, dims };
}

/** The result's axes without those of size 1; neighbours that stay neighbours are one. */
function mergedAxes(dims: readonly number[], perm: readonly number[]): Axis[] {
  const from = strides(dims);
  const to = strides(perm.map((axis) => dims[axis] ?? 1));
  const merged: Axis[] = [];
  for (const [i, axis] of perm.entries()) {
    const next: Axis = { size: dims[axis] ?? 1, from: from[axis] ?? 1, to: to[i] ?? 1 };
    if (next.size === 1) continue;
    const last = merged.at(-1);
    if (last !== undefined && last.from === next.from * next.size)
      merged[merged.length - 1] = { ...next, size: last.size * next.size };
    else merged.push(next);
  }
  return merged;
}

function eachPlace(
  axes: readonly Axis[],
  visit: (from: number, to: number) => void,
  depth = 0,
  from = 0,
  to = 0,
): void {
  const axis = axes[depth];
  if (axis === undefined) {
    visit(from, to);
    return;
  }
  for (let i = 0; i < axis.size; i++)
    eachPlace(axes, visit, depth + 1, from + i * axis.from, to + i * axis.to);
}

function moveRectangle(
  source: Float32Array,
  result: Float32Array,
  from: number,
  to: number,
  row: Axis,
  column: Axis,
): void {
  for (let r0 = 0; r0 < row.size; r0 += TILE) {
    const r1 = Math.min(row.size, r0 + TILE);
    for (let c0 = 0; c0 < column.size; c0 += TILE) {
      const c1 = Math.min(column.size, c0 + TILE);
      for (let r = r0; r < r1; r++) {
        let read = from + r + c0 * column.from;
        let write = to + r * row.to + c0;
        for (let c = c0; c < c1; c++, read += column.from) result[write++] = source[read] ?? 0;
      }
    }
  }
}

function strides(dims: readonly number[]): number[] {
  const steps = dims.map(() => 1);
  for (let axis = dims.length - 2; axis >= 0; axis--)
    steps[axis] = (steps[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
  return steps;
}
