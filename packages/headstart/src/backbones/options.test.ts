import { describe, expect, test } from "vitest";
import { chosenPreprocessing, networkChoicesSchema } from "./options.js";
import type { Preprocessing } from "./preprocessing.js";

const WRITTEN: Preprocessing = { channels: "BGR", mean: [1, 2, 3], std: [4, 5, 6] };

describe("chosenPreprocessing", () => {
  test("is what is written, where nothing is said", () => {
    expect(chosenPreprocessing({}, WRITTEN)).toBe(WRITTEN);
    expect(chosenPreprocessing({ features: "x", layout: "NHWC" }, WRITTEN)).toBe(WRITTEN);
    expect(chosenPreprocessing({}, undefined)).toBeUndefined();
  });

  test("an order of channels changes what is written, and is not enough by itself", () => {
    expect(chosenPreprocessing({ channels: "RGB" }, WRITTEN)).toEqual({ ...WRITTEN, channels: "RGB" });
    expect(chosenPreprocessing({ channels: "BGR" }, undefined)).toBeUndefined();
  });

  test("mean and std take the place of what is written; the channels stay", () => {
    const numbers = { mean: [10, 20, 30], std: [2, 4, 8] };
    expect(chosenPreprocessing(numbers, WRITTEN)).toEqual({ channels: "BGR", ...numbers });
    expect(chosenPreprocessing(numbers, undefined)).toEqual({ channels: "RGB", ...numbers });
    expect(chosenPreprocessing({ ...numbers, channels: "RGB" }, WRITTEN)).toEqual({
      channels: "RGB",
      ...numbers,
    });
  });

  test("one number stands for three", () => {
    expect(chosenPreprocessing({ mean: [127.5], std: [128] }, undefined)).toEqual({
      channels: "RGB",
      mean: [127.5, 127.5, 127.5],
      std: [128, 128, 128],
    });
  });

  test("numbers are of pixels from 0 to 1 where every std is below 1", () => {
    expect(chosenPreprocessing({ mean: [0, 0.2, 0.4], std: [0.5, 0.25, 0.75] }, undefined)).toEqual({
      channels: "RGB",
      mean: [0, 51, 102],
      std: [127.5, 63.75, 191.25],
    });
    // A std of 1 leaves pixels from 0 to 255 as they are; one of them below 1 is no rule.
    for (const std of [[1], [0.5, 1, 1]])
      expect(chosenPreprocessing({ mean: [0.5], std }, undefined)?.mean).toEqual([0.5, 0.5, 0.5]);
  });

  test.each([
    [{ mean: [1] }, "The mean is given without the std."],
    [{ std: [1] }, "The std is given without the mean."],
    [{ mean: [1, 2], std: [1] }, "The mean is one number or three, not 1,2."],
    [{ mean: [1], std: [1, 2, 3, 4] }, "The std is one number or three, not 1,2,3,4."],
    [{ mean: [], std: [1] }, "The mean is one number or three, not none."],
    [{ mean: [Number.NaN], std: [1] }, "The mean is one number or three, not NaN."],
    [{ mean: [0], std: [1, 0, 1] }, "Every std must be above 0"],
    [{ mean: [0], std: [-1] }, "Every std must be above 0"],
  ])("%j is refused", (choices, sentence) => {
    expect(() => chosenPreprocessing(choices, WRITTEN)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(sentence) }),
    );
  });
});

test("choices in a file are read, and what is none of them is refused", () => {
  const choices = { mean: [1, 2, 3], std: [1], channels: "BGR", layout: "NHWC", features: "pool" };
  expect(networkChoicesSchema.parse(choices)).toEqual(choices);
  expect(networkChoicesSchema.parse({})).toEqual({});
  for (const wrong of [{ means: [1] }, { mean: [] }, { channels: "GBR" }, { layout: "HWC" }, { std: "1" }])
    expect(networkChoicesSchema.safeParse(wrong).success).toBe(false);
});
