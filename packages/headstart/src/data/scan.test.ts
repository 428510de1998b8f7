import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shared } from "../../test/support/shared.js";
import { listPhotos, scanLabelled, scanPhotos } from "./scan.js";
import { splitOf } from "./split.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-scan-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The beginning of a JPEG file and something that tells it from others: enough to be taken for a photo until it is decoded. */
const photo = (content: string) =>
  Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from(content)]);

/** Makes files: a name alone is a photo with its name as content. */
async function put(...files: readonly (string | readonly [string, string | Buffer])[]): Promise<void> {
  for (const file of files) {
    const [name, content] = typeof file === "string" ? [file, photo(file)] : file;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

const many = (className: string, number: number, prefix = "") =>
  Array.from({ length: number }, (_, i) => `${prefix}${className}/${i}.jpg`);

const names = (photos: readonly { name: string }[]) => photos.map(({ name }) => name);

describe("scanPhotos: a folder of runs among the class folders", () => {
  test("is passed over and named; class folders with folders inside are not", async () => {
    await put(...many("cat", 20), ...many("dog", 20, "").map((name) => name.replace("/", "/inner/")));
    await put(
      ["runs/1/recipe.json", "{}"],
      "runs/1/grid.png",
      "runs/2/grid.png",
      ["best/recipe.json", "{}"],
      "best/a.png",
    );
    const { classes, photos, skipped } = await scanPhotos(folder);
    expect(classes).toEqual(["cat", "dog"]);
    expect(photos).toHaveLength(40);
    const reason = "a folder of runs, not of photos";
    expect(skipped).toEqual([
      { name: "best", reason },
      { name: "runs", reason },
    ]);
  });
});

describe("scanPhotos: split folders", () => {
  test.each([
    ["train", "val", "test"],
    ["Training", "VALIDATION", "Testing"],
    ["TRAIN", "Valid", "test"],
  ])("%s, %s, %s are used as they are", async (train, validation, testing) => {
    await put(
      ...many("b", 2, `${train}/`),
      ...many("a", 3, `${train}/`),
      `${validation}/a/x`,
      `${validation}/b/y.PNG`,
      `${testing}/a/z`,
    );
    const data = await scanPhotos(folder);
    expect(data.root).toBe(folder);
    expect(data.classes).toEqual(["a", "b"]);
    expect(data.photos.map(({ name, className, split }) => [name, className, split])).toEqual(
      [
        [`${train}/a/0.jpg`, "a", "train"],
        [`${train}/a/1.jpg`, "a", "train"],
        [`${train}/a/2.jpg`, "a", "train"],
        [`${validation}/a/x`, "a", "validation"],
        [`${testing}/a/z`, "a", "test"],
        [`${train}/b/0.jpg`, "b", "train"],
        [`${train}/b/1.jpg`, "b", "train"],
        [`${validation}/b/y.PNG`, "b", "validation"],
      ].sort((p, q) => (`${p[1]}/${p[0]}` < `${q[1]}/${q[0]}` ? -1 : 1)),
    );
    expect(data.warnings).toEqual(["The test split has no photo of 1 class: b."]);
    expect(data.photos[0]?.path).toBe(join(folder, data.photos[0]?.name ?? ""));
  });

  test("a class that training lacks is refused, with the name that was probably meant", async () => {
    await put(
      ...many("Golden Retriever", 2, "train/"),
      ...many("b", 2, "train/"),
      "val/golden_retriever/0",
      "val/b/0",
    );
    await expect(scanPhotos(folder)).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: "The validation split has a class that the training photos lack: golden_retriever.",
      hint: "The training photos have Golden Retriever: give both the same name.",
    });
  });

  test("a folder that has two names for a split, or none for training, is refused", async () => {
    await put(...many("a", 2, "train/"), ...many("b", 2, "train/"), "val/a/0", "valid/a/0");
    await expect(scanPhotos(folder)).rejects.toThrow(/two validation folders: val and valid/);
    await rm(join(folder, "train"), { recursive: true });
    await rm(join(folder, "valid"), { recursive: true });
    await expect(scanPhotos(folder)).rejects.toThrow(/has no training photos/);
    await put("cats/0", "dogs/0");
    await expect(scanPhotos(folder)).rejects.toThrow(/has a split folder val but no train folder/);
  });

  test("split folders without class folders are refused", async () => {
    await put("train/0.jpg", "test/0.jpg");
    await expect(scanPhotos(folder)).rejects.toThrow(/hold no class folders/);
  });

  test("what lies beside the class folders is skipped and listed", async () => {
    await put(
      ...many("a", 2, "train/"),
      ...many("b", 2, "train/"),
      "train/stray.jpg",
      "top.jpg",
      "extra/0.jpg",
    );
    const data = await scanPhotos(folder);
    expect(data.photos).toHaveLength(4);
    expect(data.skipped).toEqual([
      { name: "extra", reason: "a folder beside the split folders" },
      { name: "top.jpg", reason: "beside the class folders, so it has no label" },
      { name: "train/stray.jpg", reason: "beside the class folders of train, so it has no label" },
    ]);
  });
});

describe("scanPhotos: class folders", () => {
  test("are split by content and seed", async () => {
    await put(...many("a", 30), ...many("b", 30));
    const data = await scanPhotos(folder, { seed: 4, split: [60, 20, 20] });
    for (const { split, digest } of data.photos) expect(split).toBe(splitOf(digest, 4, [60, 20, 20]));
    expect(new Set(data.photos.map(({ split }) => split)).size).toBe(3);
    expect((await scanPhotos(folder, { seed: 4, split: [60, 20, 20] })).fingerprint).toBe(data.fingerprint);
    expect((await scanPhotos(folder, { seed: 5, split: [60, 20, 20] })).fingerprint).not.toBe(
      data.fingerprint,
    );
  });

  test("adding, renaming and copying photos moves no other photo; copies stay together", async () => {
    await put(...many("a", 20), ...many("b", 20));
    const before = new Map((await scanPhotos(folder)).photos.map(({ digest, split }) => [digest, split]));
    await put(
      ...many("a", 30, "").slice(20),
      ["b/copy.jpg", photo("a/3.jpg")],
      "c/1",
      "c/2",
      "c/3",
      "c/4",
      "c/5",
      "c/6",
    );
    const after = await scanPhotos(folder);
    for (const { digest, split } of after.photos)
      if (before.has(digest)) expect(split).toBe(before.get(digest));
    expect(after.warnings.at(-1)).toBe(
      "1 photo has exact copies with another label, such as a/3.jpg and b/copy.jpg.",
    );
  });

  test("a class may be called train", async () => {
    await put(...many("train", 12), ...many("bus", 12));
    expect((await scanPhotos(folder)).classes).toEqual(["bus", "train"]);
  });

  test("nested folders belong to the class; hidden and system files are passed over silently", async () => {
    await put(...many("a", 12), "a/deep/er/x.jpg", ...many("b", 12));
    await put(
      "a/.hidden.jpg",
      ".git/x",
      "a/Thumbs.db",
      "b/desktop.ini",
      "__MACOSX/a/0.jpg",
      ".DS_Store",
      "a/.thumbs/x.jpg",
    );
    const data = await scanPhotos(folder);
    expect(data.photos.filter(({ className }) => className === "a")).toHaveLength(13);
    expect(names(data.photos)).toContain("a/deep/er/x.jpg");
    expect(data.classes).toEqual(["a", "b"]);
    expect(data.skipped).toEqual([]);
  });

  test("the content decides what is a photo; odd names do not matter", async () => {
    await put(
      ...many("Ünï 😀", 8),
      ...many("'q' & \"d\"", 8),
      "Ünï 😀/no extension",
      "Ünï 😀/UPPER.JPG",
      "Ünï 😀/notes.txt",
    );
    await put(
      ["Ünï 😀/empty.jpg", ""],
      ["Ünï 😀/text.jpg", "hello"],
      ["Ünï 😀/drawing.png", "<svg/>"],
      ["Ünï 😀/doc.jpeg", "%PDF-1.4"],
    );
    const data = await scanPhotos(folder);
    expect(data.classes).toEqual(["'q' & \"d\"", "Ünï 😀"]);
    expect(data.photos).toHaveLength(19);
    expect(data.skipped).toEqual([
      { name: "Ünï 😀/doc.jpeg", reason: "not a photo (PDF document)" },
      { name: "Ünï 😀/drawing.png", reason: "not a photo (SVG drawing)" },
      { name: "Ünï 😀/empty.jpg", reason: "empty file" },
      { name: "Ünï 😀/text.jpg", reason: "not a photo (text)" },
    ]);
  });

  test("links inside are followed, links out are not, circles end", async () => {
    await put(...many("a", 12), ...many("b", 12), "b/inner/x.jpg");
    const outside = await mkdtemp(join(tmpdir(), "headstart-outside-"));
    await writeFile(join(outside, "secret.jpg"), photo("secret"));
    await symlink(join(folder, "b", "0.jpg"), join(folder, "a", "linked.jpg"));
    await symlink("../b/inner", join(folder, "a", "inner"));
    await symlink("..", join(folder, "b", "inner", "circle"));
    await symlink(outside, join(folder, "a", "out"));
    await symlink(join(outside, "secret.jpg"), join(folder, "a", "out.jpg"));
    await symlink("nowhere", join(folder, "a", "broken.jpg"));
    await symlink("self", join(folder, "a", "self"));
    await symlink(outside, join(folder, "outclass"));
    const data = await scanPhotos(folder);
    await rm(outside, { recursive: true });
    expect(names(data.photos)).toEqual(
      expect.arrayContaining(["a/linked.jpg", "a/inner/x.jpg", "b/inner/x.jpg"]),
    );
    expect(names(data.photos).some((name) => name.includes("secret"))).toBe(false);
    expect(data.skipped).toEqual(
      expect.arrayContaining([
        { name: "a/broken.jpg", reason: "a link that leads nowhere" },
        { name: "a/out", reason: "a link that leads out of the folder" },
        { name: "a/out.jpg", reason: "a link that leads out of the folder" },
        { name: "a/self", reason: "a link that leads nowhere" },
        { name: "b/inner/circle", reason: "a link to a folder that is read already" },
        { name: "outclass", reason: "a link that leads out of the folder" },
      ]),
    );
  });

  test("the root may itself be a link", async () => {
    await put(...many("real/a", 12), ...many("real/b", 12));
    await symlink(join(folder, "real"), join(folder, "link"));
    const data = await scanPhotos(join(folder, "link"));
    expect(data.photos).toHaveLength(24);
    expect(data.root).toBe(join(folder, "link"));
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === "win32")(
    "what may not be read is skipped (not as root)",
    async () => {
      await put(...many("a", 12), ...many("b", 12), "a/closed/x.jpg");
      await chmod(join(folder, "a", "0.jpg"), 0);
      await chmod(join(folder, "a", "closed"), 0);
      const data = await scanPhotos(folder);
      await chmod(join(folder, "a", "closed"), 0o700);
      expect(data.skipped).toEqual([
        { name: "a/0.jpg", reason: "not permitted to read it" },
        { name: "a/closed", reason: "not permitted to read it" },
      ]);
    },
  );

  test.skipIf(process.platform !== "linux")("a name that is not UTF-8 is skipped with a reason", async () => {
    await put(...many("a", 12), ...many("b", 12));
    await writeFile(Buffer.concat([Buffer.from(`${folder}/a/bad`), Buffer.from([0xff, 0x2e])]), photo("bad"));
    expect((await scanPhotos(folder)).skipped).toEqual([
      { name: "a/bad\ufffd.", reason: "its name is not valid UTF-8; rename it" },
    ]);
  });

  test("files longer than a piece are hashed whole; files that are too long are skipped", async () => {
    const long = Buffer.alloc(3_000_001, 7);
    photo("").copy(long);
    const other = Buffer.from(long);
    other[3_000_000] = 8;
    await put(...many("a", 12), ...many("b", 12), ["a/long1", long], ["a/long2", other], ["b/long3", long]);
    const { photos } = await scanPhotos(folder);
    const digest = (name: string) => photos.find((found) => found.name === name)?.digest;
    expect(digest("a/long1")).toBe(digest("b/long3"));
    expect(digest("a/long1")).not.toBe(digest("a/long2"));
    expect(photos.find(({ name }) => name === "a/long1")?.bytes).toBe(3_000_001);
  });
});

describe("scanPhotos refuses", () => {
  const refused = (source: string) =>
    scanPhotos(source).then(
      () => expect.unreachable(),
      (error: unknown) => error,
    );

  test("what is not there, a file, an empty folder, files without folders, folders without photos", async () => {
    expect(await refused(join(folder, "none"))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refused(folder)).toMatchObject({ code: "INVALID_DATA", message: `${folder} is empty.` });
    await put("x.jpg", "y.jpg");
    expect(await refused(join(folder, "x.jpg"))).toMatchObject({
      message: expect.stringContaining("neither a folder nor a CSV manifest"),
    });
    expect(await refused(folder)).toMatchObject({ message: `${folder} holds 2 files but no class folders.` });
    await put(["labels.csv", "path,label\n"]);
    expect(await refused(folder)).toMatchObject({
      hint: expect.stringContaining(join(folder, "labels.csv")),
    });
    await put(["a/x.txt", "text"], ["b/y.jpg", ""]);
    expect(await refused(folder)).toMatchObject({
      message: `There is no photo in ${folder}.`,
      hint: expect.stringContaining("b/y.jpg: empty file"),
    });
  });

  test("one class only, also where the folder above was given", async () => {
    await put(...many("a", 12));
    expect(await refused(folder)).toMatchObject({
      code: "INVALID_DATA",
      message: "There is one class only: a.",
    });
    await rm(join(folder, "a"), { recursive: true });
    await put(...many("a", 2, "dogs/train/"), ...many("b", 2, "dogs/train/"), "dogs/val/a/0");
    expect(await refused(folder)).toMatchObject({
      hint: `Its folders look like splits: give ${folder}/dogs.`,
    });
  });

  test("a class with fewer than two training photos, also an empty one", async () => {
    await put(...many("a", 2, "train/"), "train/b/0", "train/c/0");
    expect(await refused(folder)).toMatchObject({
      message: "The class b has 1 training photo (and 1 other class: c); every class needs at least 2.",
    });
    await put("train/b/1", "train/c/1");
    await mkdir(join(folder, "train", "d"));
    expect(await refused(folder)).toMatchObject({
      message: "The class d has 0 training photos; every class needs at least 2.",
    });
  });

  test("shares that cannot be meant", async () => {
    await expect(scanPhotos(folder, { split: [0, 1, 1] })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("scanPhotos: manifests", () => {
  const csv = () => join(folder, "labels.csv");

  test("paths are relative to the manifest; splits are as given", async () => {
    await put("x/1", "x/2", "3", "4", "5", "unused");
    await put([
      "labels.csv",
      "path,label,split\nx/1,a,train\nx/2,a,train\n3,b,train\n4,b,train\n5,b,test\ngone.jpg,a,train\nlabels.csv,b,test\nx,a,test\n",
    ]);
    const data = await scanPhotos(csv());
    expect(data.root).toBe(folder);
    expect(data.photos.map(({ name, className, split }) => `${name} ${className} ${split}`)).toEqual([
      "x/1 a train",
      "x/2 a train",
      "3 b train",
      "4 b train",
      "5 b test",
    ]);
    expect(data.skipped).toEqual([
      { name: "gone.jpg", reason: "there is no such file (line 7)" },
      { name: "labels.csv", reason: "not a photo (text)" },
      { name: "x", reason: "not a file (line 9)" },
    ]);
  });

  test("without splits, photos are split by content", async () => {
    const files = [...many("a", 20), ...many("b", 20)];
    await put(...files, [
      "labels.csv",
      `path,label\n${files.map((name) => `${name},${name[0]}\n`).join("")}`,
    ]);
    const [manifest, folders] = [await scanPhotos(csv()), await scanPhotos(folder)];
    expect(manifest.fingerprint).toBe(folders.fingerprint);
  });

  test("a link out of the folder is not followed", async () => {
    await put("in/1", "in/2", "in/3", "in/4", "out.jpg");
    await symlink("../out.jpg", join(folder, "in", "link.jpg"));
    await put([
      "in/labels.csv",
      "path,label,split\n1,a,train\n2,a,train\n3,b,train\n4,b,train\nlink.jpg,b,test\n",
    ]);
    const data = await scanPhotos(join(folder, "in", "labels.csv"));
    expect(data.skipped).toEqual([{ name: "link.jpg", reason: "a link that leads out of the folder" }]);
  });

  test("rows that are all missing are no photos", async () => {
    await put(["labels.csv", "path,label\na,b\n"]);
    await expect(scanPhotos(csv())).rejects.toThrow(/There is no photo in/);
  });
});

test("the order and the fingerprint do not depend on how files came to be", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([...many("b", 8), ...many("a😀", 8), ...many("a\uffee", 8)], { minLength: 24 }),
      async (files) => {
        await rm(folder, { recursive: true, force: true });
        await put(...files);
        const data = await scanPhotos(folder, { split: [1, 0, 0] });
        expect(data.classes).toEqual(["a\uffee", "a😀", "b"]);
        expect(names(data.photos)).toEqual([...many("a\uffee", 8), ...many("a😀", 8), ...many("b", 8)]);
      },
    ),
    { numRuns: 5 },
  );
});

test("progress counts every file; a signal stops", async () => {
  await put(...many("a", 12), ...many("b", 12));
  const calls: string[] = [];
  await scanPhotos(folder, { onProgress: (done, total) => calls.push(`${done}/${total}`) });
  expect(calls).toHaveLength(24);
  expect(calls.at(-1)).toBe("24/24");
  const controller = new AbortController();
  const stopped = scanPhotos(folder, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error("stopped")),
  });
  await expect(stopped).rejects.toThrow("stopped");
});

describe("scanLabelled", () => {
  test("reads one split folder, however small, and split folders with their splits", async () => {
    await put("val/a/1", "val/b/1", "val/stray");
    const one = await scanLabelled(join(folder, "val"));
    expect(one.photos.map(({ className, split }) => [className, split])).toEqual([
      ["a", undefined],
      ["b", undefined],
    ]);
    expect(one.classes).toEqual(["a", "b"]);
    expect(one.skipped).toHaveLength(1);
    await put("test/a/2");
    const both = await scanLabelled(folder);
    expect(both.photos.map(({ name, split }) => [name, split])).toEqual([
      ["test/a/2", "test"],
      ["val/a/1", "validation"],
      ["val/b/1", "validation"],
    ]);
    await rm(join(folder, "val", "b"), { recursive: true });
    expect((await scanLabelled(join(folder, "val"))).photos).toHaveLength(1);
    await expect(scanLabelled(join(folder, "val", "a"))).rejects.toMatchObject({ code: "INVALID_DATA" });
  });
});

describe("listPhotos", () => {
  test("takes files and folders, in order, and lists what is none", async () => {
    await put("f/b/2", "f/a.jpg", "f/.hidden", ["f/c.txt", "text"], "single.jpg");
    const { photos, skipped } = await listPhotos([join(folder, "single.jpg"), join(folder, "f/")]);
    expect(names(photos)).toEqual(["single.jpg", "f/a.jpg", "f/b/2"].map((name) => `${folder}/${name}`));
    expect(photos.map(({ path }) => path)).toEqual(names(photos));
    expect(skipped).toEqual([{ name: `${folder}/f/c.txt`, reason: "not a photo (text)" }]);
    await expect(listPhotos([join(folder, "none")])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test.skipIf(!shared("photos/odd"))(
    "of the shared odd photos four are none by their content (needs ../shared)",
    async () => {
      const { photos, skipped } = await listPhotos([shared("photos/odd") ?? ""]);
      expect(photos).toHaveLength(24);
      expect(skipped.map(({ name, reason }) => [name.split("/").at(-1), reason])).toEqual([
        ["empty.jpg", "empty file"],
        ["plain.bmp", "a BMP picture, which cannot be read; save it as JPEG or PNG"],
        ["script.svg", "not a photo (SVG drawing)"],
        ["text.jpg", "not a photo (text)"],
      ]);
    },
  );
});
