import { expect, test } from "vitest";
import { floats, toHalf } from "../../../onnx/index.js";
import { toFloat32 } from "./to-float32.js";

const VALUES = [0, 1, -2.5, 0.125];

test("float32 stays where it is", () => {
  const data = new Uint8Array(Float32Array.from(VALUES).buffer);
  expect(toFloat32([2, 2], "float32", data)).toEqual({ type: "float32", dims: [2, 2], data });
  expect(toFloat32([2, 2], "float32", data).data).toBe(data);
});

test("other types become float32, also from an odd place in memory", () => {
  const bits = Uint16Array.from(VALUES, toHalf);
  const bfloat16 = new Uint16Array(Float32Array.from(VALUES).buffer).filter((_, index) => index % 2 === 1);
  const stored = [
    ["float64", Float64Array.from(VALUES)],
    ["float16", bits],
    ["bfloat16", bfloat16],
  ] as const;
  for (const [type, array] of stored) {
    const data = new Uint8Array(array.byteLength + 1).subarray(1);
    data.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    const tensor = toFloat32([4], type, data);
    expect(tensor.dims).toEqual([4]);
    expect([...floats(tensor)]).toEqual(VALUES);
  }
});
