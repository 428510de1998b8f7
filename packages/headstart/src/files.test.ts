import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HeadstartError } from "./errors.js";
import { cacheFolder, cacheLimit, readIfThere, storageError, writeAtomically } from "./files.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const failure = (code: string) => Object.assign(new Error(code), { code });

test("readIfThere reads a file, says nothing of a missing one, and throws where it may not read", async () => {
  const path = join(folder, "content");
  expect(await readIfThere(path)).toBeUndefined();
  await writeFile(path, "some");
  expect((await readIfThere(path))?.toString()).toBe("some");
  await expect(readIfThere(folder)).rejects.toThrow("EISDIR");
});

describe("writeAtomically", () => {
  test("writes text and bytes, replaces a file, and leaves nothing else behind", async () => {
    const path = join(folder, "Ünï code.txt");
    await writeAtomically(path, "one ä");
    expect(await readFile(path, "utf8")).toBe("one ä");
    await writeAtomically(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeAtomically(path, "not durable", { durable: false });
    expect(await readdir(folder)).toEqual(["Ünï code.txt"]);
  });

  test("many writers at once: the file is always one of the contents, whole", async () => {
    const path = join(folder, "file");
    await Promise.all(Array.from({ length: 20 }, (_, i) => writeAtomically(path, String(i).repeat(5000))));
    const content = await readFile(path, "utf8");
    expect(content).toBe(content.slice(0, content.length / 5000).repeat(5000));
    expect(await readdir(folder)).toEqual(["file"]);
  });

  test("a folder that is missing is NOT_FOUND, and a file in place of one too", async () => {
    await expect(writeAtomically(join(folder, "no", "file"), "x")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await writeFile(join(folder, "plain"), "");
    await expect(writeAtomically(join(folder, "plain", "file"), "x")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("storageError", () => {
  test.each(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM"])(
    "%s is STORAGE with a sentence and what to do",
    (code) => {
      const error = storageError(failure(code), "runs/1");
      expect(error).toBeInstanceOf(HeadstartError);
      expect(error).toMatchObject({
        code: "STORAGE",
        message: expect.stringMatching(/: runs\/1\.$/),
        hint: expect.stringMatching(/\.$/),
      });
    },
  );

  test("ENOENT is NOT_FOUND; others pass", () => {
    expect(storageError(failure("ENOENT"), "x")).toMatchObject({ code: "NOT_FOUND" });
    const other = failure("EBUSY");
    expect(storageError(other, "x")).toBe(other);
    expect(storageError("text", "x")).toBe("text");
  });
});

describe("cacheFolder", () => {
  test("goes by the environment and the system", () => {
    expect(cacheFolder({ HEADSTART_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "linux")).toBe("/c");
    expect(cacheFolder({ XDG_CACHE_HOME: "/x" }, "linux")).toBe(join("/x", "headstart"));
    expect(cacheFolder({}, "linux")).toMatch(/\.cache[\\/]headstart$/);
    expect(cacheFolder({}, "darwin")).toMatch(/Library[\\/]Caches[\\/]headstart$/);
    expect(cacheFolder({ LOCALAPPDATA: "L" }, "win32")).toBe(join("L", "headstart", "Cache"));
    expect(cacheFolder({}, "win32")).toMatch(/Local[\\/]headstart[\\/]Cache$/);
  });
});

describe("cacheLimit", () => {
  test.each([
    [undefined, 10e9],
    ["", 10e9],
    ["10GB", 10e9],
    ["1.5 gb", 1.5e9],
    ["500MB", 500e6],
    ["20k", 20e3],
    ["0", 0],
    ["123", 123],
    ["7B", 7],
  ])("%s is %d bytes", (setting, bytes) => {
    expect(cacheLimit(setting === undefined ? {} : { HEADSTART_CACHE_LIMIT: setting })).toBe(bytes);
  });

  test.each(["-1", "ten", "10 XB", "1e3", "10GBB", "GB", "∞"])("%s is refused", (setting) => {
    expect(() => cacheLimit({ HEADSTART_CACHE_LIMIT: setting })).toThrow(/HEADSTART_CACHE_LIMIT is/);
  });
});
