import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noPhotos, readSource } from "./source.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-source-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, content = ""): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}

const labels = (source: Awaited<ReturnType<typeof readSource>>) =>
  source.candidates.map(({ name, className, split }) => `${name}:${className}:${split}`).sort();

test("split folders, class folders and manifests say the same in their ways", async () => {
  await put("tree/Train/a/1");
  await put("tree/Train/b/2");
  await put("tree/val/a/deep/3");
  await put(
    "labels.csv",
    "path,label,split\ntree/Train/a/1,a,train\ntree/Train/b/2,b,train\ntree/val/a/deep/3,a,val\n",
  );
  const tree = await readSource(join(folder, "tree"));
  expect(tree.hasSplits).toBe(true);
  expect(labels(tree)).toEqual(["Train/a/1:a:train", "Train/b/2:b:train", "val/a/deep/3:a:validation"]);
  const manifest = await readSource(join(folder, "labels.csv"));
  expect(manifest.hasSplits).toBe(true);
  expect(labels(manifest)).toEqual(labels(tree).map((label) => `tree/${label}`));
  const classes = await readSource(join(folder, "tree", "Train"));
  expect(classes.hasSplits).toBe(false);
  expect(labels(classes)).toEqual(["a/1:a:undefined", "b/2:b:undefined"]);
  expect([...classes.classes].sort()).toEqual(["a", "b"]);
});

test("an upper-case .CSV is a manifest, another file is none", async () => {
  await put("LABELS.CSV", "path,label\nx,y\n");
  expect((await readSource(join(folder, "LABELS.CSV"))).skipped).toEqual([
    { name: "x", reason: "there is no such file (line 2)" },
  ]);
  await put("labels.txt", "path,label\n");
  await expect(readSource(join(folder, "labels.txt"))).rejects.toMatchObject({ code: "INVALID_DATA" });
  await expect(readSource(join(folder, "gone.csv"))).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("the sentence about no photos says what was found instead", () => {
  const skipped = ["a", "b", "c"].map((name) => ({ name, reason: "empty file" }));
  expect(noPhotos("photos", skipped).hint).toBe("3 files cannot be used: a: empty file, b: empty file, ...");
  expect(noPhotos("photos", skipped.slice(0, 1)).hint).toBe("1 file cannot be used: a: empty file.");
  expect(noPhotos("photos", []).hint).toMatch(/Put JPEG/);
});
