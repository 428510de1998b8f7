import fc from "fast-check";
import { expect, test } from "vitest";
import { uniform } from "../../../test/support/check-gradients.js";
import { float32, floats, type Tensor } from "../../onnx/index.js";
import { type Int8Weights, quantiseWeights } from "./weights.js";

function stored({ tensor }: Int8Weights): Int8Array {
  return new Int8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

/** For each weight, the channel it belongs to. */
function channelOf(weights: Tensor, axis: 0 | 1): (i: number) => number {
  const [rows = 1, columns = 1] = weights.dims;
  return (i) => (axis === 1 ? i % columns : Math.floor(i / (floats(weights).length / rows)));
}

test("the largest weight of each channel becomes 127", () => {
  const weights = float32([2, 3], [1, -2, 0.5, 0, 0.01, -0.005]);
  const byRow = quantiseWeights(weights, 0);
  expect([...stored(byRow)]).toEqual([64, -127, 32, 0, 127, -63]);
  expect([...byRow.scales]).toEqual([Math.fround(2 / 127), Math.fround(0.01 / 127)]);
  const byColumn = quantiseWeights(weights, 1);
  expect([...stored(byColumn)]).toEqual([127, -127, 127, 0, 1, -1]);
});

test("a channel of zeros keeps a scale above 0", () => {
  const found = quantiseWeights(float32([1, 2], [0, 0]), 0);
  expect([...found.scales]).toEqual([1]);
  expect([...stored(found)]).toEqual([0, 0]);
});

test("a scale is not gone below", () => {
  const found = quantiseWeights(float32([1, 2], [1.27, 0.2]), 0, { smallest: Float64Array.of(0.1) });
  expect([...stored(found)]).toEqual([13, 2]);
});

test("weights come back within half a step", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 }),
      fc.constantFrom<0 | 1>(0, 1),
      fc.integer(),
      (dims, layout, seed) => {
        const axis = dims.length === 2 ? layout : 0;
        const weights = float32(
          dims,
          uniform(
            seed,
            dims.reduce((a, b) => a * b),
          ),
        );
        const found = quantiseWeights(weights, axis);
        const channel = channelOf(weights, axis);
        const bytes = stored(found);
        for (const [i, value] of floats(weights).entries()) {
          const scale = found.scales[channel(i)] ?? Number.NaN;
          expect(Math.abs((bytes[i] ?? Number.NaN) * scale - value)).toBeLessThanOrEqual(scale * 0.5001);
        }
      },
    ),
  );
});

test("shifts are what rounding takes from the mean of each channel", () => {
  // Two groups: the first two of four channels read inputs 0 and 1, the others 2 and 3; kernels have 3 elements.
  const weights = float32([4, 2, 3], uniform(1, 24));
  const means = Float32Array.of(1, 10, 100, 1000);
  const found = quantiseWeights(weights, 0, { means });
  const bytes = stored(found);
  const expected = [0, 0, 0, 0];
  for (const [i, value] of floats(weights).entries()) {
    const [output, input] = [Math.floor(i / 6), Math.floor(i / 3) % 2];
    const rounded = (bytes[i] ?? 0) * (found.scales[output] ?? 0);
    expected[output] = (expected[output] ?? 0) + (value - rounded) * (means[(output >> 1) * 2 + input] ?? 0);
  }
  for (const [i, value] of expected.entries()) expect(found.shifts[i]).toBeCloseTo(value, 6);
});
