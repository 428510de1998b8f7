import { describe, expect, test } from "vitest";
import { array, COUNTER, group } from "../../../../test/support/hdf5.js";
import { inOrder, isLegacy, legacyLayout } from "./legacy.js";

const layer = (name: string, ...arrays: readonly string[]) =>
  group(
    { [name]: group(Object.fromEntries(arrays.map((key) => [key, array(1)]))) },
    {
      weight_names: arrays.map((key) => `${name}/${key}`),
    },
  );

describe("by name", () => {
  const root = group(
    {
      input: group({}),
      conv: layer("conv", "kernel:0"),
      base: twoInside("a", "b"),
      deep: twoInside("x/a", "y/a"),
    },
    { layer_names: ["input", "conv", "base", "deep"] },
  );

  test("layers and the arrays inside nested models", () => {
    const layout = legacyLayout(root, "x.h5");
    expect(isLegacy(root)).toBe(true);
    expect(layout.layers).toEqual(["conv", "base", "deep"]);
    expect(names(layout.find(["conv"]))).toEqual(["conv/kernel:0"]);
    expect(names(layout.find(["base", "b"]))).toEqual(["b/kernel:0"]);
    expect(names(layout.find(["base", "c"]))).toEqual([]);
    expect(layout.find(["other"])).toBeUndefined();
    expect(layout.arrays.map((stored) => stored.layer)).toEqual([
      "conv",
      "base/a",
      "base/b",
      "deep/x/a",
      "deep/y/a",
    ]);
  });

  test("the longest end of a path that a name holds decides between layers of one name", () => {
    const layout = legacyLayout(root, "x.h5");
    expect(names(layout.find(["deep", "x", "a"]))).toEqual(["x/a/kernel:0"]);
    expect(names(layout.find(["deep", "y", "a"]))).toEqual(["y/a/kernel:0"]);
  });

  test("what a list names and the file does not have", () => {
    expect(() => legacyLayout(group({}, { layer_names: ["conv"] }), "x.h5")).toThrow(
      "The file x.h5 lists the layer conv, which it does not have as a group.",
    );
    const empty = group({ conv: group({}, { weight_names: ["kernel:0"] }) }, { layer_names: ["conv"] });
    expect(() => legacyLayout(empty, "x.h5")).toThrow(
      "The file x.h5 lists the array kernel:0 of the layer conv, which it does not have.",
    );
  });
});

test("by order: layers without weights do not count, the arrays of a nested model keep their names", () => {
  const flip = group({ "state:0": COUNTER }, { weight_names: ["state:0"] });
  const root = group(
    { flip, conv2d_7: layer("conv2d_7", "kernel:0"), base: twoInside("a", "b") },
    { layer_names0: ["flip", "conv2d_7"], layer_names1: ["base"] },
  );
  const ordered = inOrder(legacyLayout(root, "x.h5"), ["conv2d", "model"], "x.h5");
  expect(names(ordered.find(["conv2d"]))).toEqual(["conv2d_7/kernel:0"]);
  expect(names(ordered.find(["model", "b"]))).toEqual(["b/kernel:0"]);
  expect(ordered.find(["conv2d_7"])).toBeUndefined();
});

/** The group of a nested model with two layers. */
function twoInside(one: string, other: string) {
  const tree = [one, other].map((path) =>
    path.split("/").reduceRight((inner, name) => group({ [name]: inner }), group({ "kernel:0": array(1) })),
  );
  const children = Object.fromEntries(tree.flatMap(({ children }) => [...children]));
  return group(children, { weight_names: [`${one}/kernel:0`, `${other}/kernel:0`] });
}

function names(arrays: readonly { readonly name: string }[] | undefined): string[] | undefined {
  return arrays?.map(({ name }) => name);
}
