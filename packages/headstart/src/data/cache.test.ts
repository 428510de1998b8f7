import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CacheBudget, cacheContents, clearCache, enforceLimit } from "./cache.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-cache-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Makes a file of 100 bytes that was used at a time, in seconds since 1970. */
async function put(name: string, used = Date.now() / 1000): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), Buffer.alloc(100));
  await utimes(join(folder, name), used, used);
}

const held = async (name: string) => (await readdir(join(folder, name))).sort();

describe("enforceLimit", () => {
  test("removes what was used least recently, of every kind, down to 90 %", async () => {
    const places = ["decoded/b-1/ab", "features/s", "int8"];
    for (let i = 0; i < 12; i++) await put(`${places[i % 3]}/${i}`, 1000 + i);
    expect(await enforceLimit(folder, 1200, Number.POSITIVE_INFINITY)).toBe(1200);
    expect(await enforceLimit(folder, 600, Number.POSITIVE_INFINITY)).toBe(500);
    expect(await held("decoded/b-1/ab")).toEqual(["9"]);
    expect(await held("features/s")).toEqual(["10", "7"]);
    expect(await held("int8")).toEqual(["11", "8"]);
  });

  test("keeps what was used since, other people's files, and temporary files that are still being written", async () => {
    await put("features/s/old", 1000);
    await put("features/s/new", 5000);
    await put("mine/old", 1000);
    await put("old", 1000);
    await put("decoded/b/aa/x.rgb.1-a.tmp", 1000);
    await put("decoded/b/aa/y.rgb.1-a.tmp");
    expect(await enforceLimit(folder, 0, 4_000_000)).toBe(200);
    expect(await held("features/s")).toEqual(["new"]);
    expect(await held("decoded/b/aa")).toEqual(["y.rgb.1-a.tmp"]);
    expect(await held(".")).toEqual(["decoded", "features", "mine", "old"]);
  });

  test("a folder that does not exist holds nothing", async () => {
    expect(await enforceLimit(join(folder, "none"), 0, 0)).toBe(0);
    await clearCache(join(folder, "none"));
  });
});

describe("cacheContents and clearCache", () => {
  test("count each kind for itself, and leave other things alone", async () => {
    await put("decoded/b/aa/x.rgb");
    await put("decoded/b/aa/y.rgb");
    await put("features/s/damaged");
    await put("int8/a.onnx");
    await put("int8/b.onnx");
    await put("int8/c.onnx.1-a.tmp");
    await put("weights/keras/resnet50.h5");
    expect(await cacheContents(folder)).toEqual([
      { kind: "features", files: 1, photos: 0, bytes: 100 },
      { kind: "decoded", files: 2, photos: 2, bytes: 200 },
      { kind: "int8", files: 2, photos: 0, bytes: 200 },
    ]);
    await clearCache(folder);
    expect(await held(".")).toEqual(["weights"]);
    for (const { files, bytes } of await cacheContents(folder)) expect([files, bytes]).toEqual([0, 0]);
  });
});

describe("CacheBudget", () => {
  test("looks at the first write and after each twentieth of the limit", async () => {
    const budget = new CacheBudget(folder, 2000);
    await put("features/s/new");
    for (let i = 0; i < 30; i++) await put(`features/s/${i}`, 1000 + i);
    expect(await budget.wrote(100)).toBe(true);
    expect(await held("features/s")).toHaveLength(18);
    for (let i = 0; i < 30; i++) await put(`features/s/${i}`, 1000 + i);
    expect(await budget.wrote(50)).toBe(true);
    expect(await held("features/s")).toHaveLength(31);
    expect(await budget.wrote(51)).toBe(true);
    expect(await held("features/s")).toHaveLength(18);
  });

  test("says when there is no room beside what this process uses", async () => {
    const budget = new CacheBudget(folder, 150);
    await put("features/s/1");
    expect(await budget.wrote(100)).toBe(true);
    await put("features/s/2");
    expect(await budget.wrote(100)).toBe(false);
    await budget.settle();
    expect(await held("features/s")).toHaveLength(1);
  });
});
