import { describe, expect, test } from "vitest";
import { array, COUNTER } from "../../../../test/support/hdf5.js";
import { elements } from "../../../../test/support/keras-files.js";
import { fileWeights, type StoredArray } from "./stored.js";

const GAMMA = { name: "gamma", shape: [1] };
const BETA = { name: "beta", shape: [1] };

describe("arrays of one layer", () => {
  test("are told apart by their names, whatever stands around them", () => {
    const weights = weightsOf([stored("scope/norm/beta_1:0", 2), stored("scope/norm/gamma:0", 1)]);
    expect(elements(weights.read(["norm"], [GAMMA, BETA]))).toEqual([[1], [2]]);
  });

  test("are taken in order where a name is another", () => {
    const weights = weightsOf([stored("norm_running_std:0", 2), stored("gamma:0", 1)]);
    expect(elements(weights.read(["norm"], [GAMMA, BETA]))).toEqual([[2], [1]]);
  });

  test("leave out what is no weight, even a counter in floating point", () => {
    const count = { name: "norm/count:0", layer: "norm", content: { ...array(5), shape: [] } };
    const weights = weightsOf([{ ...count, content: COUNTER }, stored("norm/gamma:0", 1), count]);
    expect(elements(weights.read(["norm"], [GAMMA]))).toEqual([[1]]);
    expect(weightsOf([{ ...count, content: COUNTER }]).unread()).toEqual([]);
    expect(elements(weightsOf([count]).read(["norm"], [{ name: "count", shape: [] }]))).toEqual([[5]]);
  });

  test("that the file keeps elsewhere are named", () => {
    const link = {
      ...stored("norm/gamma:0", 1),
      content: { kind: "refused", reason: "is a link to another file" } as const,
    };
    expect(() => weightsOf([link]).read(["norm"], [GAMMA])).toThrow(
      "The array norm/gamma:0 of the layer norm in x.h5 is a link to another file.",
    );
  });
});

test("layers that nobody has asked for are listed", () => {
  const weights = weightsOf([stored("gamma:0", 1), stored("kernel:0", 1, "top")]);
  expect(weights.unread()).toEqual(["norm", "top"]);
  weights.read(["norm"], [GAMMA]);
  expect(weights.unread()).toEqual(["top"]);
});

function stored(name: string, value: number, layer = "norm"): StoredArray {
  return { name, layer, content: array(value) };
}

function weightsOf(arrays: readonly StoredArray[]) {
  const find = (path: readonly string[]) => arrays.filter(({ layer }) => layer === path.join("/"));
  return fileWeights({ arrays, find }, "x.h5");
}
