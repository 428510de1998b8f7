import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kerasFixture } from "../../../../../test/support/keras-files.js";
import { folderWith } from "../../../../../test/support/temporary.js";
import { Hdf5Reader, readHdf5 } from "./read.js";
import type { Hdf5Dataset, Hdf5Group, Hdf5Refused } from "./tree.js";

/** One thread for the tests that need none of their own. */
const reader = new Hdf5Reader();
afterAll(() => reader.close());

describe("a file in order", () => {
  test("groups, texts and arrays", async () => {
    const root = await readHdf5(kerasFixture("split.h5"));
    expect(root.attributes).toEqual(
      new Map([
        ["layer_names0", ["a"]],
        ["layer_names1", ["b", "c"]],
      ]),
    );
    expect(at(root, "b").kind).toBe("group");
    expect(at(root, "b", "b", "bias:0")).toMatchObject({
      kind: "dataset",
      shape: [2],
      values: { type: "float32" },
    });
    expect(at(root, "b", "b", "bias:0")).toHaveProperty("values.data.byteLength", 8);
  });

  test("types, and what has none of them", async () => {
    const root = await reader.read(kerasFixture("types.h5"));
    expect(at(root, "half", "kernel:0")).toHaveProperty("values.type", "float16");
    expect(at(root, "double", "kernel:0")).toHaveProperty("values.type", "float64");
    expect(at(root, "whole", "kernel:0")).toHaveProperty("values", undefined);
    expect(at(root, "big", "kernel:0")).toEqual({ kind: "refused", reason: "is stored big-endian" });
  });

  test("behind a link, in a folder with any name", async () => {
    const folder = folderWith({ "photos äöü/a b.h5": readFileSync(kerasFixture("split.h5")) });
    symlinkSync(join(folder, "photos äöü", "a b.h5"), join(folder, "link.h5"));
    expect((await reader.read(join(folder, "link.h5"))).children.size).toBe(3);
  });

  test("groups that are passed over", async () => {
    const root = await reader.read(kerasFixture("split.h5"), { skip: ["a", "c"] });
    expect([...root.children.keys()]).toEqual(["b"]);
  });
});

describe("what a file may not do", () => {
  test("lead elsewhere", async () => {
    const root = await reader.read(kerasFixture("outside.h5"), { skip: ["elsewhere"] });
    expect(at(root, "soft", "kernel:0")).toEqual({ kind: "refused", reason: "is a link to another place" });
    expect(at(root, "external", "kernel:0")).toEqual({
      kind: "refused",
      reason: "is a link to another file",
    });
    expect(at(root, "virtual", "kernel:0")).toEqual({
      kind: "refused",
      reason: "is put together from other files",
    });
    await expect(reader.read(kerasFixture("outside.h5"))).rejects.toThrow("elsewhere/kernel:0 is damaged");
  });

  test.each([
    ["claims.h5", "Its arrays claim more numbers than a file of its size can hold."],
    ["claims-packed.h5", "Its arrays claim more numbers than a file of its size can hold."],
    ["circle.h5", "Its groups are nested more than 40 deep."],
  ])("ask for more than it can hold: %s", async (name, sentence) => {
    await expect(reader.read(kerasFixture(name))).rejects.toThrow(sentence);
  });

  test("take any time, nor spoil the next file", async () => {
    const folder = folderWith({ "endless.h5": endless() });
    await expect(reader.read(join(folder, "endless.h5"), { milliseconds: 500 })).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message:
        "The file endless.h5 cannot be read as HDF5. Reading it takes far longer than its size explains.",
    });
    expect((await reader.read(kerasFixture("split.h5"))).children.size).toBe(3);
  });

  test("be cut off", async () => {
    const whole = readFileSync(kerasFixture("split.h5"));
    const folder = folderWith({ "half.h5": whole.subarray(0, whole.length / 2) });
    await expect(reader.read(join(folder, "half.h5"))).rejects.toThrow("half.h5 cannot be read as HDF5");
  });
});

test("a file that is not there", async () => {
  await expect(readHdf5("nowhere.h5")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

function at(root: Hdf5Group, ...path: readonly string[]): Hdf5Group | Hdf5Dataset | Hdf5Refused {
  let here: Hdf5Group | Hdf5Dataset | Hdf5Refused | undefined = root;
  for (const name of path) here = here?.kind === "group" ? here.children.get(name) : undefined;
  if (here === undefined) throw new Error(`There is no ${path.join("/")}.`);
  return here;
}

/** A file at which the HDF5 library runs for ever: a text of which its 32-bit arithmetic takes the size, with its head, for zero. */
function endless(): Buffer {
  const file = readFileSync(kerasFixture("keras3.weights.h5"));
  file.writeBigUInt64LE(2n ** 32n - 16n, file.indexOf("GCOL") + 24);
  return file;
}
