import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cacheContents, clearCache } from "./cache.js";
import { type FeatureSpace, FeatureStore } from "./features.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-features-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SPACE: FeatureSpace = { backbone: "ab", size: 224, precision: "float32", preprocessing: "bicubic" };
const LENGTH = 6;
const digest = (i: number) => createHash("sha256").update(`${i}`).digest("hex");
const digests = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => digest(from + i));
const features = (i: number) => Float32Array.from({ length: LENGTH }, (_, j) => i + j / 8);

const open = (options: { limit?: number; flushPhotos?: number } = {}, space = SPACE) =>
  FeatureStore.open(folder, space, { limit: 1e9, ...options });

async function add(store: FeatureStore, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await store.add(digest(i), features(i), i % 5 === 0);
}

async function segments(): Promise<string[]> {
  const [space] = await readdir(join(folder, "features"));
  return (await readdir(join(folder, "features", space ?? ""))).map((name) =>
    join(folder, "features", space ?? "", name),
  );
}

async function holds(store: FeatureStore, from: number, to: number): Promise<void> {
  expect(await store.missing(digests(from, to))).toEqual([]);
  const block = await store.load(digests(from, to));
  expect(block.length).toBe(LENGTH);
  for (let i = from; i < to; i++) {
    expect(block.features.subarray((i - from) * LENGTH, (i - from + 1) * LENGTH)).toEqual(features(i));
    expect(block.truncated[i - from]).toBe(i % 5 === 0);
  }
}

describe("FeatureStore", () => {
  test("what is added can be read at once, and by a later run", async () => {
    const store = await open({ flushPhotos: 7 });
    expect(await store.missing(digests(0, 20))).toEqual(digests(0, 20));
    await add(store, 0, 20);
    await holds(store, 0, 20);
    await store.close();
    const later = await open();
    await holds(later, 0, 20);
    expect(await later.missing([digest(3), digest(99), digest(99)])).toEqual([digest(99)]);
    expect(await later.get(digest(5))).toEqual({ digest: digest(5), features: features(5), truncated: true });
    expect(await later.get(digest(99))).toBeUndefined();
    expect((await later.load([digest(4), digest(2), digest(4)])).features).toEqual(
      Float32Array.of(...features(4), ...features(2), ...features(4)),
    );
    expect(await later.load([])).toEqual({ features: new Float32Array(0), length: 0, truncated: [] });
    await expect(later.load([digest(99)])).rejects.toMatchObject({
      code: "STORAGE",
      message: "The features of 1 photo are not in the cache.",
    });
    expect(store.warning).toBeUndefined();
  });

  test("a few rows of a large segment are read alone, in the order asked for", async () => {
    const store = await open();
    await add(store, 0, 40);
    await store.close();
    const later = await open();
    // The first time, the segment is checked whole.
    expect(await later.missing(digests(0, 40))).toEqual([]);
    const asked = [31, 5, 17, 5];
    const block = await later.load(asked.map(digest));
    expect(block.features).toEqual(Float32Array.from(asked.flatMap((i) => [...features(i)])));
    expect(block.truncated).toEqual([false, true, false, true]);
    const memory = new Float32Array(4 * LENGTH);
    expect((await later.load(asked.map(digest), memory)).features).toBe(memory);
    expect(memory).toEqual(block.features);
  });

  test("rows that lie near each other and far apart come out the same", async () => {
    const long = 20_000;
    const row = (i: number) => new Float32Array(long).fill(i);
    const store = await open();
    for (let i = 0; i < 40; i++) await store.add(digest(i), row(i));
    await store.close();
    const asked = [39, 0, 1, 20, ...Array.from({ length: 18 }, (_, i) => 38 - i)];
    const { features: found } = await store.load(asked.map(digest));
    for (const [at, i] of asked.entries()) expect(found.subarray(at * long, (at + 1) * long)).toEqual(row(i));
  });

  test("spaces are kept apart", async () => {
    const store = await open();
    await add(store, 0, 3);
    await store.close();
    for (const other of [
      { backbone: "cd" },
      { size: 299 },
      { precision: "int8" },
      { preprocessing: "nearest" },
    ])
      expect(await (await open({}, { ...SPACE, ...other })).missing(digests(0, 3))).toHaveLength(3);
    await holds(await open(), 0, 3);
  });

  test("features of another length are refused", async () => {
    const store = await open();
    await add(store, 0, 1);
    await expect(store.add(digest(1), new Float32Array(3))).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });

  test("what one store adds, another that is open already finds", async () => {
    const [one, other] = [await open(), await open()];
    await add(one, 0, 4);
    await add(other, 4, 8);
    await Promise.all([one.flush(), other.flush()]);
    await holds(one, 0, 8);
    await holds(other, 0, 8);
  });

  test("damaged segments are removed and their photos missing; foreign files stay out of it", async () => {
    const store = await open({ flushPhotos: 4 });
    await add(store, 0, 12);
    await store.close();
    const [cut = "", changed = "", sound = ""] = await segments();
    await writeFile(cut, (await readFile(cut)).subarray(0, 300));
    const bytes = await readFile(changed);
    bytes[bytes.length - 4 * 33 - 5] = (bytes[bytes.length - 4 * 33 - 5] ?? 0) ^ 1;
    await writeFile(changed, bytes);
    const foreign = join(sound, "..", "notes.txt");
    await writeFile(foreign, "hello");
    await writeFile(join(sound, "..", "other.safetensors"), "hello");
    const later = await open();
    const missing = await later.missing(digests(0, 12));
    expect(missing).toHaveLength(8);
    expect((await segments()).sort()).toEqual([sound, foreign].sort());
    for (const lost of missing) {
      const i = digests(0, 12).indexOf(lost);
      await later.add(lost, features(i), i % 5 === 0);
    }
    await holds(later, 0, 12);
  });

  test("a segment that goes while a store is open is missing, not a crash", async () => {
    const store = await open();
    await add(store, 0, 4);
    await store.flush();
    await clearCache(folder);
    await expect(store.load(digests(0, 4))).rejects.toMatchObject({ code: "STORAGE" });
    expect(await store.missing(digests(0, 4))).toHaveLength(4);
  });

  test("many small segments become one", async () => {
    const store = await open({ flushPhotos: 1 });
    await add(store, 0, 40);
    await store.close();
    expect(await segments()).toHaveLength(40);
    const [one, other] = await Promise.all([open(), open()]);
    expect((await segments()).length).toBeLessThanOrEqual(2);
    await holds(one, 0, 40);
    await holds(other, 0, 40);
  });

  test("a store that was open while another merged still finds everything", async () => {
    const store = await open({ flushPhotos: 1 });
    await add(store, 0, 40);
    await store.flush();
    await open();
    expect((await store.load(digests(0, 40))).features.subarray(39 * LENGTH)).toEqual(features(39));
  });

  test("beyond its limit the cache loses what was used least recently, of every space", async () => {
    const old = await open({ flushPhotos: 10 }, { ...SPACE, size: 64 });
    await add(old, 0, 30);
    await old.close();
    const files = await segments();
    const bytes = (await stat(files[0] ?? "")).size;
    for (const [i, file] of files.sort().entries()) await utimes(file, 1000 + i, 1000 + i);
    const store = await open({ flushPhotos: 10, limit: bytes * 4 });
    await add(store, 100, 130);
    await holds(store, 100, 130);
    await store.close();
    const [{ bytes: held = 0 } = {}] = await cacheContents(folder);
    expect(held).toBeLessThanOrEqual(bytes * 4);
    await holds(await open(), 100, 130);
    expect(await (await open({}, { ...SPACE, size: 64 })).missing(digests(0, 10))).toHaveLength(10);
  });

  test("a limit smaller than the run itself takes nothing from the run, but is kept to at its end", async () => {
    const store = await open({ flushPhotos: 4, limit: 100 });
    await add(store, 0, 20);
    await store.flush();
    await holds(store, 0, 20);
    await store.close();
    expect((await cacheContents(folder)).map(({ bytes }) => bytes)).toEqual([0, 0, 0]);
  });

  test("where nothing can be written, features stay in memory and one sentence says so", async () => {
    await writeFile(join(folder, "features"), "in the way");
    const store = await open({ flushPhotos: 2 });
    await add(store, 0, 9);
    await store.close();
    await holds(store, 0, 9);
    expect(store.warning).toMatch(/^Features cannot be kept for later runs\. /);
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === "win32")(
    "a folder that is read-only (not as root)",
    async () => {
      await chmod(folder, 0o500);
      const store = await open({ flushPhotos: 2 });
      await add(store, 0, 9);
      await holds(store, 0, 9);
      expect(store.warning).toMatch(/Permission is missing/);
      await chmod(folder, 0o700);
    },
  );
});

describe("cacheContents and clearCache", () => {
  test("count photos and bytes of each kind; other files stay", async () => {
    expect(await cacheContents(join(folder, "none"))).toEqual([
      { kind: "features", files: 0, photos: 0, bytes: 0 },
      { kind: "decoded", files: 0, photos: 0, bytes: 0 },
      { kind: "int8", files: 0, photos: 0, bytes: 0 },
    ]);
    const store = await open({ flushPhotos: 4 });
    await add(store, 0, 6);
    await store.close();
    await writeFile(join(folder, "mine.txt"), "x");
    const [held] = await cacheContents(folder);
    expect(held).toMatchObject({ kind: "features", files: 2, photos: 6 });
    expect(held?.bytes).toBeGreaterThan(6 * LENGTH * 4);
    await clearCache(folder);
    expect((await cacheContents(folder)).every(({ files }) => files === 0)).toBe(true);
    expect(await readdir(folder)).toEqual(["mine.txt"]);
  });
});

describe("several processes", () => {
  let code = "";
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    code = await mkdtemp(join(tmpdir(), "headstart-code-"));
    await writeFile(
      join(code, "child.mjs"),
      `import { createHash } from "node:crypto";
      import { FeatureStore } from ${JSON.stringify(new URL("../../dist/data/features.js", import.meta.url).href)};
      const [folder, from, to, flushPhotos] = [process.argv[2], ...process.argv.slice(3).map(Number)];
      const store = await FeatureStore.open(folder, ${JSON.stringify(SPACE)}, { limit: 1e9, flushPhotos });
      console.log("ready");
      for (let i = from; i < to; i++) {
        const features = Float32Array.from({ length: ${LENGTH} }, (_, j) => i + j / 8);
        await store.add(createHash("sha256").update(String(i)).digest("hex"), features, i % 5 === 0);
      }
      await store.flush();`,
    );
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await rm(code, { recursive: true, force: true });
  });

  function run(from: number, to: number, flushPhotos: number): ChildProcess {
    const child = spawn(
      process.execPath,
      [join(code, "child.mjs"), folder, `${from}`, `${to}`, `${flushPhotos}`],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    children.push(child);
    return child;
  }

  test("write at once, also the same photos, and lose nothing", async () => {
    const runs = [run(0, 60, 5), run(30, 90, 7)];
    const codes = await Promise.all(runs.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual([0, 0]);
    await holds(await open(), 0, 90);
  });

  test("killed midway, leave whole segments", async () => {
    for (const delay of [0, 15, 40]) {
      const child = run(0, 1_000_000, 3);
      await once(child.stdout ?? child, "data");
      await new Promise((resolve) => setTimeout(resolve, delay));
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    const store = await open();
    const missing = new Set(await store.missing(digests(0, 3000)));
    const held = digests(0, 3000).filter((wanted) => !missing.has(wanted)).length;
    expect(held).toBeGreaterThan(0);
    expect(held % 3).toBe(0);
    await holds(store, 0, held);
    expect(existsSync(folder)).toBe(true);
  });

  test("temporary files that a killed process left go after an hour", async () => {
    await mkdir(join(folder, "features", "x"), { recursive: true });
    const [old, fresh] = ["old", "fresh"].map((name) =>
      join(folder, "features", "x", `${name}.safetensors.1-a.tmp`),
    );
    for (const path of [old ?? "", fresh ?? ""]) await writeFile(path, "part");
    await utimes(old ?? "", Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
    const store = await open({ flushPhotos: 1 });
    await add(store, 0, 1);
    await store.close();
    expect([existsSync(old ?? ""), existsSync(fresh ?? "")]).toEqual([false, true]);
  });
});
