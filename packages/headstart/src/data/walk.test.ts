import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isIgnored, isInside, listFolder, openRoot, readingReason, walkFolder } from "./walk.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-walk-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), "");
  }
}

const names = (found: readonly { name: string }[]) => found.map(({ name }) => name);

describe("listFolder", () => {
  test("lists files, folders and links to them, sorted, without what systems leave behind", async () => {
    await put("b", "a", "Z", "d/x", "C/x", ".hidden", "__MACOSX/x", "thumbs.db", "Desktop.ini");
    await symlink("d", join(folder, "to-d"));
    await symlink("a", join(folder, "to-a"));
    const root = await openRoot(folder);
    const listing = await listFolder(root, root);
    expect(names(listing.files)).toEqual(["Z", "a", "b", "to-a"]);
    expect(names(listing.folders)).toEqual(["C", "d", "to-d"]);
    expect(listing.skipped).toEqual([]);
  });

  test("a root that is gone throws, a folder inside that is gone is skipped", async () => {
    await put("d/x");
    const root = await openRoot(folder);
    const [inner = root] = (await listFolder(root, root)).folders;
    await rm(folder, { recursive: true });
    await expect(listFolder(root, root)).rejects.toThrow(/ENOENT/);
    expect((await listFolder(root, inner)).skipped).toEqual([
      { name: "d", reason: "it vanished while it was being read" },
    ]);
  });
});

describe("walkFolder", () => {
  test("reads each real folder once, however links cross", async () => {
    await put("a/1", "a/deep/2", "b/3");
    for (const [target, link] of [
      ["../b", "a/to-b"],
      ["../a", "b/to-a"],
      [".", "a/self"],
      ["..", "a/up"],
    ] as const)
      await symlink(target, join(folder, link));
    const root = await openRoot(folder);
    const { files, skipped } = await walkFolder(root, root);
    expect(names(files).sort()).toEqual(["a/1", "a/deep/2", "b/3"]);
    expect(skipped).toHaveLength(4);
    const inner = (await listFolder(root, root)).folders[0] ?? root;
    expect(names((await walkFolder(root, inner)).files).sort()).toEqual(["a/1", "a/deep/2", "a/to-b/3"]);
  });
});

test("isInside goes by folders, not by letters", () => {
  const root = { path: join("/", "photos"), real: join("/", "photos") };
  for (const [path, inside] of [
    [join("/", "photos"), true],
    [join("/", "photos", "a"), true],
    [join("/", "photos", "..a"), true],
    [join("/", "photos2"), false],
    [join("/"), false],
  ] as const)
    expect(isInside(root, path), path).toBe(inside);
});

test("hidden files and those of systems are passed over", () => {
  expect([".a", "__MACOSX", "Thumbs.db", "DESKTOP.INI"].every(isIgnored)).toBe(true);
  expect(["a.", "thumbs.db.jpg", "MACOSX"].some(isIgnored)).toBe(false);
});

test("reasons are sentences for people", () => {
  const error = (code: string) => Object.assign(new Error(code), { code });
  expect(readingReason(error("EACCES"), "x")).toBe("not permitted to read it");
  expect(readingReason(error("ENOENT"), "x\ufffd")).toMatch(/UTF-8/);
  expect(readingReason(error("EIO"), "x")).toBe("it cannot be read (EIO)");
});
