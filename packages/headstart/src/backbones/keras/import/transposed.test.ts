import { describe, expect, test } from "vitest";
import { float32, floats, type Tensor } from "../../../onnx/index.js";
import { reshaped, transposed } from "./transposed.js";

function counting(dims: number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return float32(
    dims,
    Float32Array.from({ length: count }, (_, i) => i),
  );
}

/** Element by element, from the definition. */
function slowly(tensor: Tensor, perm: number[]): number[] {
  const dims = perm.map((axis) => tensor.dims[axis] ?? 1);
  const places = dims.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
    [[]],
  );
  const source = floats(tensor);
  return places.map((place) => {
    const from = tensor.dims.reduce((at, size, axis) => at * size + (place[perm.indexOf(axis)] ?? 0), 0);
    return source[from] ?? Number.NaN;
  });
}

describe("transposed", () => {
  test.each([
    [
      [3, 2, 5, 7],
      [3, 2, 0, 1],
    ],
    [
      [1, 1, 40, 70],
      [3, 2, 0, 1],
    ],
    [
      [3, 3, 4, 2],
      [2, 3, 0, 1],
    ],
    [
      [33, 65],
      [1, 0],
    ],
    [
      [2, 3, 4],
      [2, 0, 1],
    ],
    [
      [2, 3, 4],
      [0, 2, 1],
    ],
    [
      [2, 3, 4],
      [1, 0, 2],
    ],
    [
      [1, 1, 6],
      [2, 0, 1],
    ],
    [[4], [0]],
    [[], []],
  ])("%j by %j", (dims, perm) => {
    const moved = transposed(counting(dims), perm);
    expect(moved.dims).toEqual(perm.map((axis) => dims[axis]));
    expect([...floats(moved)]).toEqual(slowly(counting(dims), perm));
  });

  test("a tensor without data stays without", () => {
    const moved = transposed({ type: "float32", dims: [3, 3, 2, 4], data: new Uint8Array(0) }, [3, 2, 0, 1]);
    expect(moved.dims).toEqual([4, 2, 3, 3]);
    expect(moved.data).toHaveLength(0);
  });

  test("the source is not written to", () => {
    const tensor = counting([2, 3]);
    transposed(tensor, [1, 0]);
    expect([...floats(tensor)]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(reshaped(tensor, [3, 2]).data).toBe(tensor.data);
  });
});
