import { describe, expect, test } from "vitest";
import type { LayerCall } from "./context.js";
import { slide, type Window } from "./padding.js";

const call = { invalid: (sentence: string) => new Error(sentence) } as unknown as LayerCall;
const window = (border: Window["border"], kernel: number, stride: number, dilation = 1): Window => ({
  border,
  kernel: [kernel, kernel],
  strides: [stride, stride],
  dilations: [dilation, dilation],
});

describe("slide", () => {
  // Size, kernel, stride, dilation; pads before and behind, and the size that comes out, by TensorFlow's rule.
  test.each([
    [8, 3, 1, 1, 1, 1, 8],
    [8, 2, 1, 1, 0, 1, 8],
    [8, 3, 2, 1, 0, 1, 4],
    [7, 3, 2, 1, 1, 1, 4],
    [7, 2, 2, 1, 0, 1, 4],
    [8, 2, 2, 1, 0, 0, 4],
    [9, 5, 3, 1, 1, 1, 3],
    [8, 1, 2, 1, 0, 0, 4],
    [7, 3, 1, 2, 2, 2, 7],
  ])(
    "same: size %i, kernel %i, stride %i, dilation %i",
    (size, kernel, stride, dilation, before, behind, made) => {
      const sliding = slide(call, [size, size], window("same", kernel, stride, dilation));
      expect(sliding.attributes.pads).toEqual([before, before, behind, behind]);
      expect(sliding.size).toEqual([made, made]);
    },
  );

  test("valid: no pads, and a window that fits", () => {
    const sliding = slide(call, [7, 8], window("valid", 3, 2));
    expect(sliding).toEqual({
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0] },
      size: [3, 3],
    });
    expect(() => slide(call, [2, 8], window("valid", 3, 2))).toThrow(/window of 3/);
  });

  test("a free size leaves the pads to the run, except with stride 1", () => {
    expect(slide(call, ["H", 8], window("same", 3, 2)).attributes.auto_pad).toBe("SAME_UPPER");
    expect(slide(call, ["H", "W"], window("same", 3, 1)).attributes.pads).toEqual([1, 1, 1, 1]);
    expect(slide(call, ["H", 8], window("same", 3, 2)).size).toEqual(["?", 4]);
  });
});
