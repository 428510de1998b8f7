import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SceneClass, scene, writeJpeg } from "../../test/support/scenes.js";
import { newFolder } from "../../test/support/temporary.js";
import { undoQuarantine } from "../data/index.js";
import { type Check, checkPhotos } from "./check.js";
import { fixPhotos } from "./check-fix.js";
import type { Progress } from "./progress.js";

const folder = newFolder();
const photos = join(folder, "photos");
const others = join(folder, "others");
const CLASSES: readonly SceneClass[] = ["cat", "dog", "fox"];
let check: Check;
const progress: Progress[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  for (const className of CLASSES) {
    for (let i = 0; i < 10; i++)
      await writeJpeg(join(photos, "train", className, `${i}.jpg`), scene(className, i));
    for (let i = 10; i < 13; i++)
      await writeJpeg(join(photos, "val", className, `${i}.jpg`), scene(className, i));
    await writeJpeg(join(others, className, "new.jpg"), scene(className, 50));
  }
  const at = (name: string) => join(photos, name);
  copyFileSync(at("train/cat/0.jpg"), at("val/cat/leak.jpg"));
  copyFileSync(at("train/cat/1.jpg"), at("train/dog/was-cat.jpg"));
  copyFileSync(at("train/fox/2.jpg"), at("train/fox/again.jpg"));
  await writeJpeg(at("val/dog/mirrored.jpg"), scene("dog", 3).flop(), 60);
  await writeJpeg(
    join(others, "fox", "cropped.jpg"),
    scene("fox", 4).extract({ left: 3, top: 1, width: 59, height: 59 }),
  );
  writeFileSync(at("train/fox/empty.jpg"), "");
  writeFileSync(at("train/fox/notes.jpg"), "not a photo at all");
  writeFileSync(at("train/fox/broken.jpg"), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
  await writeJpeg(at("train/fox/cut.jpg"), scene("fox", 20));
  truncateSync(at("train/fox/cut.jpg"), Math.floor(readFileSync(at("train/fox/cut.jpg")).length * 0.7));
  await scene("fox", 21).png().toFile(at("train/fox/called.jpg"));
  await writeJpeg(at("train/fox/tiny.jpg"), scene("fox", 22, 20));
  mkdirSync(at("train/owl"));
  check = await checkPhotos(photos, { onProgress: (each) => progress.push(each) });
});

/** Names of the photos of each finding of a kind. */
function found({ findings }: Check, kind: string): string[][] {
  return findings
    .filter((finding) => finding.kind === kind)
    .map((finding) => finding.photos.map(({ name }) => name));
}

describe("checkPhotos", () => {
  test("finds files that cannot be used, and those that are odd", () => {
    expect(found(check, "empty")).toEqual([["train/fox/empty.jpg"]]);
    expect(found(check, "broken")).toEqual([["train/fox/broken.jpg"]]);
    expect(found(check, "not-a-photo")).toEqual([["train/fox/notes.jpg"]]);
    expect(found(check, "truncated")).toEqual([["train/fox/cut.jpg"]]);
    expect(found(check, "extension")).toEqual([["train/fox/called.jpg"]]);
    expect(found(check, "tiny")).toEqual([["train/fox/tiny.jpg"]]);
  });

  test("finds copies, and nothing that is none", () => {
    expect(found(check, "exact-copies")).toEqual([["train/fox/2.jpg", "train/fox/again.jpg"]]);
    expect(found(check, "exact-copies-across-splits")).toEqual([["train/cat/0.jpg", "val/cat/leak.jpg"]]);
    expect(found(check, "exact-copies-across-classes")).toEqual([
      ["train/cat/1.jpg", "train/dog/was-cat.jpg"],
    ]);
    expect(found(check, "near-copies-across-splits")).toEqual([["train/dog/3.jpg", "val/dog/mirrored.jpg"]]);
    expect(found(check, "near-copies")).toEqual([]);
    expect(found(check, "near-copies-across-classes")).toEqual([]);
    expect(check.leaked.map(({ name }) => name)).toEqual(["val/cat/leak.jpg", "val/dog/mirrored.jpg"]);
  });

  test("finds classes without photos and with few, and tells the severest first", () => {
    expect(check.findings.find(({ kind }) => kind === "few-photos")?.severity).toBe("warning");
    const missing = check.findings.filter(({ kind }) => kind === "class-missing");
    expect(missing.map(({ severity, sentence }) => [severity, sentence])).toEqual([
      ["error", "There is no photo of owl in train."],
      ["warning", "There is no photo of owl in validation."],
    ]);
    const severities = check.findings.map(({ severity }) => severity);
    const order = ["error", "warning", "note"];
    expect(severities).toEqual([...severities].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
    expect([check.classes, check.photos]).toEqual([[...CLASSES], 30 + 9 + 8]);
  });

  test("finds the same with everything stored, and tells how it gets on", async () => {
    const again = await checkPhotos(photos);
    const told = ({ findings }: Check) =>
      findings.map(({ kind, photos: named }) => [kind, named.map(({ name }) => name)]);
    expect(told(again)).toEqual(told(check));
    const phases = progress.map((each) => (each.kind === "progress" ? each.phase : each.kind));
    expect([...new Set(phases)]).toEqual([
      "reading photos",
      "features",
      "comparing photos",
      "judging labels",
    ]);
  });

  test("finds what others share with them", async () => {
    const { findings, leaked } = await checkPhotos(photos, { against: others });
    const near = findings.filter(
      ({ kind, photos: named }) =>
        kind.endsWith("across-splits") && named.some(({ side }) => side === "against"),
    );
    expect(near.map(({ photos: named }) => named.map(({ name }) => name))).toEqual([
      ["train/fox/4.jpg", "fox/cropped.jpg"],
    ]);
    expect(leaked).toContainEqual({ name: "fox/cropped.jpg", className: "fox", side: "against" });
  });

  test("photos without splits are checked as train would split them, where exact copies stay together", async () => {
    const flat = join(folder, "flat");
    for (const className of CLASSES) {
      mkdirSync(join(flat, className), { recursive: true });
      for (let i = 0; i < 8; i++)
        copyFileSync(join(photos, "train", className, `${i}.jpg`), join(flat, className, `${i}.jpg`));
    }
    copyFileSync(join(flat, "cat", "0.jpg"), join(flat, "cat", "copy.jpg"));
    const { findings } = await checkPhotos(flat);
    expect(findings.map(({ kind }) => kind)).toContain("exact-copies");
    expect(findings.map(({ kind }) => kind)).not.toContain("exact-copies-across-splits");
    const tested = await checkPhotos(flat, { split: [1, 0, 20], seed: 3 });
    const sides = tested.findings.flatMap((finding) => finding.photos.flatMap(({ side = [] }) => side));
    expect(sides.filter((side) => side === "test").length).toBeGreaterThan(sides.length / 2);
    await expect(checkPhotos(flat, { split: [0, 0, 1] })).rejects.toThrow("The split 0/0/1 cannot be used.");
  });

  test("can be interrupted, and refuses what is not there", async () => {
    await expect(checkPhotos(photos, { signal: AbortSignal.abort() })).rejects.toThrow();
    await expect(checkPhotos(join(folder, "nowhere"))).rejects.toThrow("There is no file or folder");
  });
});

describe("fixPhotos", () => {
  test("moves what can safely go, and all of it comes back", async () => {
    const before = readdirSync(photos, { recursive: true }).sort();
    const { moved } = await fixPhotos(photos, check.findings);
    expect([...moved].sort()).toEqual([
      "train/cat/0.jpg",
      "train/fox/again.jpg",
      "train/fox/broken.jpg",
      "train/fox/empty.jpg",
    ]);
    const after = await checkPhotos(photos);
    for (const kind of ["broken", "empty", "exact-copies", "exact-copies-across-splits"])
      expect(found(after, kind)).toEqual([]);
    expect((await undoQuarantine(photos)).restored).toHaveLength(4);
    expect(readdirSync(photos, { recursive: true }).sort()).toEqual(before);
  });

  test("moves what it is asked to, where it is asked to", async () => {
    const aside = join(folder, "aside");
    const { folder: session = "", moved } = await fixPhotos(photos, check.findings, {
      kinds: ["tiny"],
      folder: aside,
    });
    expect(moved).toEqual(["train/fox/tiny.jpg"]);
    expect(existsSync(join(session, "photos/train/fox/tiny.jpg"))).toBe(true);
    await undoQuarantine(photos, aside);
    expect(existsSync(join(photos, "train/fox/tiny.jpg"))).toBe(true);
  });

  test("leaves the files of a manifest where they are", async () => {
    await expect(fixPhotos("photos.csv", check.findings)).rejects.toThrow(
      "Photos of a manifest are not moved",
    );
  });
});
