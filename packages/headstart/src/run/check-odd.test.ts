import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SceneClass, scene, writeJpeg } from "../../test/support/scenes.js";
import { newFolder } from "../../test/support/temporary.js";
import { type Check, checkPhotos } from "./check.js";
import { fixPhotos } from "./check-fix.js";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes so many scenes of each class into a folder. */
async function draw(name: string, counts: Partial<Record<SceneClass, number>>): Promise<string> {
  const photos = join(folder, name);
  for (const className of ["cat", "dog", "fox"] as const)
    for (let i = 0; i < (counts[className] ?? 0); i++)
      await writeJpeg(join(photos, className, `${i}.jpg`), scene(className, i));
  return photos;
}

function kinds({ findings }: Check): string[] {
  return [...new Set(findings.map(({ severity, kind }) => `${severity} ${kind}`))];
}

describe("photos that can hardly be trained on", () => {
  test("an empty folder is refused", async () => {
    const photos = join(folder, "empty");
    mkdirSync(photos);
    await expect(checkPhotos(photos)).rejects.toThrow("is empty");
    mkdirSync(join(photos, "cat"));
    await expect(checkPhotos(photos)).rejects.toThrow("There is no photo in");
  });

  test("a single photo is of one class only, and perhaps not one to train on", async () => {
    const check = await checkPhotos(await draw("single", { cat: 1 }));
    expect(check.findings.map(({ sentence }) => sentence)).toContain("There is one class only: cat.");
    expect(check.photos).toBe(1);
  });

  test("none that can be decoded", async () => {
    const photos = join(folder, "broken");
    for (const name of ["cat", "dog"]) {
      mkdirSync(join(photos, name), { recursive: true });
      writeFileSync(join(photos, name, "1.jpg"), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, name.length]));
      writeFileSync(join(photos, name, "2.jpg"), Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 16, 0, 7]));
    }
    const check = await checkPhotos(photos);
    expect(kinds(check)).toEqual(["error broken", "error class-missing"]);
    expect(check.findings.filter(({ kind }) => kind === "broken")).toHaveLength(4);
  });

  test("a class with one photo is not taken for a wrong label", async () => {
    const check = await checkPhotos(await draw("lonely", { cat: 12, dog: 12, fox: 1 }));
    expect(check.findings.filter(({ kind }) => kind === "label")).toEqual([]);
  });

  test("splits without training photos are told for every class", async () => {
    const photos = join(folder, "split");
    await draw("split/val", { cat: 3, dog: 3 });
    const { findings } = await checkPhotos(photos);
    expect(findings[0]).toMatchObject({
      kind: "class-missing",
      severity: "error",
      sentence: "There is no photo of cat, dog in train.",
    });
  });
});

describe("against", () => {
  test("photos that are among the first are no others", async () => {
    const photos = join(folder, "whole");
    await draw("whole/train", { cat: 3, dog: 3 });
    await draw("whole/test", { cat: 2 });
    await expect(checkPhotos(photos, { against: join(photos, "test") })).rejects.toThrow(
      "are among those that are checked",
    );
    const check = await checkPhotos(join(photos, "train"), { against: photos });
    expect(check.leaked.map(({ name }) => name)).toEqual(["test/cat/0.jpg", "test/cat/1.jpg"]);
  });
});

describe("a manifest", () => {
  test("is checked by the names that it gives, and nothing is moved", async () => {
    const photos = await draw("listed", { cat: 3, dog: 3 });
    copyFileSync(join(photos, "cat/0.jpg"), join(photos, "dog/leak.jpg"));
    const rows = ["cat", "dog"].flatMap((name) => [0, 1, 2].map((i) => `${name}/${i}.jpg,${name},train`));
    const manifest = join(photos, "photos.csv");
    writeFileSync(manifest, ["path,label,split", ...rows, "dog/leak.jpg,cat,test"].join("\n"));
    const { findings } = await checkPhotos(manifest);
    const [leak] = findings.filter(({ kind }) => kind === "exact-copies-across-splits");
    expect(leak?.photos.map(({ name }) => name)).toEqual(["cat/0.jpg", "dog/leak.jpg"]);
    await expect(fixPhotos(manifest, findings)).rejects.toThrow("Photos of a manifest are not moved");
  });
});

describe("symbolic links", () => {
  let photos: string;
  beforeAll(async () => {
    photos = await draw("linked", { cat: 4, dog: 4 });
    // In either order of names, and through a folder.
    symlinkSync("0.jpg", join(photos, "cat", "link.jpg"));
    symlinkSync("1.jpg", join(photos, "cat", "00.jpg"));
    mkdirSync(join(photos, "dog", "more"));
    symlinkSync("../../cat", join(photos, "dog", "more", "cats"));
  });

  test("are found to be copies, and what they lead to is not moved", async () => {
    const { findings } = await checkPhotos(photos);
    expect(findings.map(({ kind }) => kind)).toContain("exact-copies-across-classes");
    const before = readdirSync(photos, { recursive: true }).sort();
    const fixed = await fixPhotos(photos, findings, {
      kinds: ["exact-copies", "exact-copies-across-splits", "exact-copies-across-classes"],
    });
    expect(fixed.moved).toEqual([]);
    expect(readdirSync(photos, { recursive: true }).sort()).toEqual(before);
    expect(existsSync(join(folder, "quarantine"))).toBe(false);
  });
});
