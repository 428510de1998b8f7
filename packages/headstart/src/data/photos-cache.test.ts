import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheContents } from "./cache.js";
import { DecodedCache } from "./photos-cache.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-decoded-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SIZE = 4;
const digest = (i: number) => createHash("sha256").update(`${i}`).digest("hex");
const pixels = (i: number) => new Uint8Array(SIZE * SIZE * 3).fill(i);
const open = (limit = 1e9, resize = "bicubic") => DecodedCache.open(folder, { size: SIZE, resize, limit });
const path = (i: number) =>
  join(folder, "decoded", `bicubic-${SIZE}`, digest(i).slice(0, 2), `${digest(i)}.rgb`);

test("what is written is read, by this run and the next", async () => {
  const cache = open();
  const into = new Uint8Array(SIZE * SIZE * 3);
  expect(await cache.read(digest(1), into)).toBeUndefined();
  await cache.write(digest(1), pixels(1));
  await cache.write(digest(2), pixels(2), true);
  expect(await cache.read(digest(1), into)).toEqual({ truncated: false });
  expect(into).toEqual(pixels(1));
  expect(await open().read(digest(2), into)).toEqual({ truncated: true });
  expect(into).toEqual(pixels(2));
  expect(await open(1e9, "nearest").read(digest(1), into)).toBeUndefined();
  expect((await cacheContents(folder))[1]).toEqual({
    kind: "decoded",
    files: 2,
    photos: 2,
    bytes: 2 * (48 + 5),
  });
});

test("a damaged file is a miss and is written anew", async () => {
  const cache = open();
  const into = new Uint8Array(SIZE * SIZE * 3);
  await cache.write(digest(1), pixels(1));
  const whole = await readFile(path(1));
  for (const damage of [
    whole.subarray(0, 20),
    Buffer.concat([whole, whole]),
    Buffer.from(whole).fill(9, 5, 6),
    Buffer.alloc(whole.length),
    Buffer.alloc(0),
  ]) {
    await writeFile(path(1), damage);
    expect(await cache.read(digest(1), into)).toBeUndefined();
    await cache.write(digest(1), pixels(1));
    expect(await cache.read(digest(1), into)).toEqual({ truncated: false });
  }
});

test("writers at once leave one whole file", async () => {
  const cache = open();
  await Promise.all(Array.from({ length: 20 }, () => cache.write(digest(1), pixels(1))));
  expect(await readdir(join(path(1), ".."))).toEqual([`${digest(1)}.rgb`]);
});

test("when the cache is full, old photos make room, then no more are added", async () => {
  const before = open();
  for (let i = 0; i < 10; i++) await before.write(digest(i), pixels(i));
  for (let i = 0; i < 10; i++) await utimes(path(i), 1000 + i, 1000 + i);
  const cache = open(20 * 53);
  const into = new Uint8Array(SIZE * SIZE * 3);
  expect(await cache.read(digest(0), into)).toBeDefined();
  expect((await stat(path(0))).mtimeMs).toBeGreaterThan(2e6);
  for (let i = 10; i < 60; i++) await cache.write(digest(i), pixels(i));
  expect(cache.warning).toMatch(/The cache is full/);
  expect(await cache.read(digest(0), into), "used by this run").toBeDefined();
  expect(await cache.read(digest(1), into), "not used for long").toBeUndefined();
  expect(await cache.read(digest(10), into), "written by this run").toBeDefined();
  expect((await cacheContents(folder))[1]?.bytes).toBeLessThanOrEqual(20 * 53 + 2 * 53);
});

test("where nothing can be written, one sentence says so and reading goes on", async () => {
  await writeFile(join(folder, "decoded"), "in the way");
  const cache = open();
  await cache.write(digest(1), pixels(1));
  await cache.write(digest(2), pixels(2));
  expect(cache.warning).toMatch(/^Decoded photos cannot be kept\. /);
  expect(await cache.read(digest(1), pixels(0))).toBeUndefined();
});
