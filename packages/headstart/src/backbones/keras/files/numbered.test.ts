import { describe, expect, test } from "vitest";
import { array, group } from "../../../../test/support/hdf5.js";
import type { ConfiguredLayer } from "./configuration.js";
import { isNumbered, numberedLayout } from "./numbered.js";

const CONFIG: readonly ConfiguredLayer[] = [
  configured("Conv2D", "one"),
  configured("Conv2D", "two"),
  configured("Functional", "base", [configured("Conv2D", "one")]),
  configured("Conv2D", "three"),
];

test("a layer is found by its class and the number of layers of that class before it", () => {
  const root = group({
    layers: group({ conv2d: saved(1), conv2d_1: saved(2), conv2d_2: saved(3), functional: nested(4) }),
  });
  const layout = numberedLayout(root, CONFIG, false);
  expect(isNumbered(root)).toBe(true);
  expect([["one"], ["two"], ["three"], ["base", "one"]].map((path) => valueAt(layout, path))).toEqual([
    1, 2, 3, 4,
  ]);
  expect(layout.find(["four"])).toBeUndefined();
  expect(layout.arrays.map(({ layer }) => layer).sort()).toEqual(["base/one", "one", "three", "two"]);
});

test("numbers count twice in files of Keras 2.13, and order decides", () => {
  const root = group({ layers: group({ conv2d: saved(1), conv2d_10: saved(3), conv2d_2: saved(2) }) });
  const layout = numberedLayout(root, CONFIG, true);
  expect([["one"], ["two"], ["three"]].map((path) => valueAt(layout, path))).toEqual([1, 2, 3]);
});

test("the number decides where some layers of the class have no arrays", () => {
  const root = group({ layers: group({ conv2d: saved(1), conv2d_2: saved(3) }) });
  const layout = numberedLayout(root, CONFIG, true);
  expect([["one"], ["two"], ["three"]].map((path) => valueAt(layout, path))).toEqual([1, undefined, 3]);
});

describe("names that disagree with the numbers", () => {
  const root = group({
    layers: group({ conv2d: saved(1, "two"), conv2d_1: saved(2, "three"), conv2d_2: saved(3, "four") }),
  });

  test("hold within one file", () => {
    expect(valueAt(numberedLayout(root, CONFIG, true), ["two"])).toBe(1);
  });

  test("do not hold for another file's configuration", () => {
    expect(valueAt(numberedLayout(root, CONFIG, false), ["two"])).toBe(2);
  });

  test("are all there is without a configuration", () => {
    const layout = numberedLayout(root, [], false);
    expect(valueAt(layout, ["three"])).toBe(2);
    expect(layout.find(["one"])).toBeUndefined();
    expect(layout.arrays.map(({ layer }) => layer)).toEqual(["two", "three", "four"]);
  });
});

test("arrays are in the order of their numbers, and what belongs to no layer is left out", () => {
  const vars = group(Object.fromEntries(["0", "1", "10", "2"].map((name) => [name, array(Number(name))])));
  const generator = group({ vars: group({ 0: array(1) }) });
  const root = group({
    layers: group({ conv2d: group({ vars, seed_generator: generator }) }),
    optimizer: group({ vars }),
    vars: group({}),
  });
  const layout = numberedLayout(root, CONFIG, true);
  expect(layout.find(["one"])?.map(({ name }) => name)).toEqual(
    ["0", "1", "2", "10"].map((name) => `layers/conv2d/vars/${name}`),
  );
  expect(layout.arrays).toHaveLength(4);
});

function configured(
  className: string,
  name: string,
  layers: readonly ConfiguredLayer[] = [],
): ConfiguredLayer {
  return { className, name, layers };
}

function saved(value: number, name?: string) {
  return group({ vars: group({ 0: array(value) }, name === undefined ? {} : { name }) });
}

function nested(value: number) {
  return group({ layers: group({ conv2d: saved(value) }) });
}

function valueAt(layout: ReturnType<typeof numberedLayout>, path: readonly string[]): number | undefined {
  const content = layout.find(path)?.[0]?.content;
  if (content?.kind !== "dataset" || content.values === undefined) return undefined;
  return new DataView(content.values.data.buffer).getFloat32(0, true);
}
