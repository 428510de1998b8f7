import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { parse } from "csv-parse/sync";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { UNLIKE } from "../src/evaluation/index.js";
import { Classifier, type Progress, type Run, resume, type TrainOptions, train } from "../src/index.js";
import { RECIPES, type Recipe } from "../src/training/index.js";
import { drawPhoto, drawPhotos } from "./support/photos.js";
import { shared } from "./support/shared.js";
import { newFolder } from "./support/temporary.js";

/** The name of the file that the disk has no room for. */
const disk = vi.hoisted(() => ({ full: "" }));
vi.mock("../src/files.js", async (original) => {
  const files = await original<typeof import("../src/files.js")>();
  const writeAtomically: typeof files.writeAtomically = async (path, content, options) => {
    if (basename(path) === disk.full)
      throw files.storageError(Object.assign(new Error("no room"), { code: "ENOSPC" }), path);
    await files.writeAtomically(path, content, options);
  };
  return { ...files, writeAtomically };
});

/** Of a run whose report is not written. */
const FILES = [
  "answer-curves.json",
  "answers.csv",
  "confusion.png",
  "curves.png",
  "data.json",
  "grid.png",
  "log.txt",
  "metrics.json",
  "model.onnx",
  "precision.json",
  "recipe.json",
  "results.csv",
];
/** Of a run that went by gradient steps. */
const STEP_FILES = [...FILES, "steps.csv"];
const REPORT_FILES = ["README.md", "check.json", "report.html"];
const PER_CLASS = 24;
const work = newFolder();
const photos = join(work, "photos");
const out = join(work, "runs");
/** Small photos and two threads, whatever machine it is. */
const small = { out, threads: 2, stages: "100@64", report: false } as const;
const classic = {
  ...small,
  recipe: "keras-classic",
  stages: "3@64",
  batchSize: 4,
  learningRate: 0.01,
  seed: 1,
} as const;
/** Stored features, and a head that is solved without a search for its penalty. */
const quick = {
  ...small,
  recipe: { ...RECIPES.default, name: "quick", optimiser: { kind: "lbfgs", l2: 0.01 } },
  stages: "5@64",
} as const;
/** The two ways of training, as quickly as they go. */
const WAYS: readonly [readonly [string, TrainOptions], readonly [string, TrainOptions]] = [
  ["stored features", quick],
  ["augmented photos", { ...classic, batchSize: 16, stages: "1@64" }],
];

beforeAll(() => drawPhotos(photos, PER_CLASS));
afterAll(() => rmSync(work, { recursive: true, force: true }));
afterEach(() => {
  disk.full = "";
  useCache("cache");
});
useCache("cache");

function useCache(name: string): void {
  process.env.HEADSTART_CACHE = join(work, name);
}

/** The files in a folder and all folders inside, by their paths, with a hash of each. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    names.map((name) => [name, createHash("sha256").update(readFileSync(name)).digest("hex")]),
  );
}

/** Share of all photos that are answered right. */
function accuracyOf({ metrics: { train: a, validation: b, test: c } }: Run): number {
  const right = [a, b, c].reduce((sum, { accuracy, photos: count }) => sum + (accuracy ?? 0) * count, 0);
  return right / (a.photos + b.photos + c.photos);
}

const json = (run: { folder: string }, name: string) =>
  JSON.parse(readFileSync(join(run.folder, name), "utf8"));

/** Trains and keeps what is reported. */
async function trainWatched(
  source: string,
  options: TrainOptions,
): Promise<{ run: Run; events: readonly Progress[] }> {
  const events: Progress[] = [];
  const onProgress = (progress: Progress) => {
    events.push(progress);
    options.onProgress?.(progress);
  };
  return { run: await train(source, { ...options, onProgress }), events };
}

const phases = (events: readonly Progress[]) => [
  ...new Set(events.map((event) => (event.kind === "progress" ? event.phase : event.kind))),
];

/** Whether the backbone saw a photo: features were computed one batch after another, not found. */
const sawBackbone = (events: readonly Progress[]) =>
  events.some((event) => event.kind === "progress" && event.phase === "features" && event.done < event.total);

let first: { run: Run; events: readonly Progress[] };
beforeAll(async () => {
  first = await trainWatched(photos, { ...small, report: true });
});

describe("a run folder", () => {
  test("holds the named files and nothing else, and stands under the next number", () => {
    expect(first.run.folder).toBe(join(out, "1"));
    expect(first.run.model).toBe(join(out, "1", "model.onnx"));
    expect(readdirSync(first.run.folder).sort()).toEqual([...FILES, ...REPORT_FILES].sort());
  });

  test("recipe.json has every choice and the seed", () => {
    expect(json(first.run, "recipe.json")).toMatchObject({
      photos,
      recipe: { ...RECIPES.default, stages: [{ epochs: 100, imageSize: 64 }] },
      backbone: "efficientnet-lite0",
      backboneSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      seed: 0,
      split: [0.7, 0.15, 0.15],
      device: "cpu",
      threads: 2,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test("data.json names every photo with its class, split and content", () => {
    const data = json(first.run, "data.json");
    expect(data).toMatchObject({ root: photos, classes: ["cat", "dog", "fox"], skipped: [], truncated: [] });
    const names = data.photos.map(({ name }: { name: string }) => name);
    expect(names).toHaveLength(3 * PER_CLASS);
    expect(new Set(names).size).toBe(3 * PER_CLASS);
    for (const { name, class: className, sha256, bytes } of data.photos) {
      const content = readFileSync(join(photos, name));
      expect(name.startsWith(`${className}/`)).toBe(true);
      expect(sha256).toBe(createHash("sha256").update(content).digest("hex"));
      expect(bytes).toBe(content.byteLength);
    }
    for (const split of ["train", "validation", "test"]) {
      const own = data.photos.filter((photo: { split: string }) => photo.split === split);
      expect(own.length).toBeGreaterThan(0);
      expect(data.counts[split]).toBe(own.length);
    }
  });

  test("results.csv has a row an epoch", () => {
    const rows = parse(readFileSync(join(first.run.folder, "results.csv")), { columns: true, cast: true });
    const told = first.events.flatMap((event) => (event.kind === "epoch" ? [event.row] : []));
    expect(told.length).toBeGreaterThan(3);
    expect(rows).toEqual(told.map((row) => ({ ...row, learningRate: "" })));
    expect(told.at(-1)?.accuracy).toBe(1);
    expect(told.map(({ epoch }) => epoch)).toEqual(told.map((_, index) => index + 1));
  });

  test("metrics.json has the figures of each split, the same that train returns", () => {
    const metrics = json(first.run, "metrics.json");
    expect(metrics).toEqual(first.run.metrics);
    expect(Object.keys(metrics)).toEqual(["train", "validation", "test"]);
    const { counts } = json(first.run, "data.json");
    for (const [split, figures] of Object.entries(first.run.metrics)) {
      expect(figures.certainty === null).toBe(split === "train");
      expect(figures.photos).toBe(counts[split]);
      expect(figures.confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(figures.photos);
      expect(figures.perClass.map(({ className }) => className)).toEqual(["cat", "dog", "fox"]);
      const [low = 1, high = 0] = figures.accuracyInterval ?? [];
      expect(low).toBeLessThanOrEqual(figures.accuracy ?? -1);
      expect(high).toBeGreaterThanOrEqual(figures.accuracy ?? 2);
    }
  });

  test("the pictures are pictures", async () => {
    for (const name of ["curves.png", "confusion.png", "grid.png"]) {
      const { format, width } = await sharp(join(first.run.folder, name)).metadata();
      expect([format, width > 200]).toEqual(["png", true]);
    }
  });

  test("log.txt has lines with the time", () => {
    const lines = readFileSync(join(first.run.folder, "log.txt"), "utf8").trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S/);
    expect(lines[0]).toContain("3 classes; ");
    expect(lines.join("\n")).toMatch(
      /Z features: 72 done\n(.*\n)*.*"epoch":1,(.*\n)*.*Z measuring: 1 done\n/,
    );
  });

  test("the model says what was measured, and answers", async () => {
    const classifier = await Classifier.load(first.run.folder, { threads: 2 });
    const { test } = first.run.metrics;
    expect(classifier.provenance).toMatchObject({
      classes: ["cat", "dog", "fox"],
      imageSize: 64,
      recipe: "default",
      seed: 0,
      metrics: { test: { photos: test.photos, accuracy: test.accuracy, loss: test.loss } },
      calibration: { fittedOn: "train", photos: first.run.metrics.train.photos },
      data: json(first.run, "data.json").fingerprint,
    });
    const best = await classifier.predict(join(photos, "fox", "01.jpg"));
    expect(best).toMatchObject({ className: "fox", set: ["fox"] });
    expect(best.unlike).toBeLessThan(UNLIKE);
    const strange = await classifier.predict({ data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 });
    expect(strange).toMatchObject({ confident: false, unlike: 1 });
    await classifier.close();
  });

  test("train says what it found, and then what it does", () => {
    expect(phases(first.events)).toEqual([
      "reading photos",
      "found",
      "note",
      "features",
      "choosing the L2 penalty",
      "epoch",
      "measuring",
      "looking at photos",
      "comparing photos",
      "judging labels",
    ]);
    const found = first.events.find((event) => event.kind === "found");
    expect(found).toMatchObject({
      folder: first.run.folder,
      classes: first.run.classes,
      photos: json(first.run, "data.json").counts,
      skipped: 0,
      warnings: [],
    });
  });
});

describe("the same run again", () => {
  test("on the same photos starts at the head, and gives the same bytes", async () => {
    const store = contents(join(work, "cache"));
    const again = await trainWatched(photos, small);
    expect(again.run.folder).toBe(join(out, "2"));
    expect(sawBackbone(first.events)).toBe(true);
    expect(sawBackbone(again.events)).toBe(false);
    expect(contents(join(work, "cache"))).toEqual(store);
    expectSame(again.run, first.run);
  });

  test("with a cold cache gives the same bytes", async () => {
    useCache("cold");
    const again = await trainWatched(photos, small);
    expect(sawBackbone(again.events)).toBe(true);
    expectSame(again.run, first.run);
  });

  test("keras-classic gives the same bytes, with the same cache and a cold one", async () => {
    const one = await trainWatched(photos, classic);
    expect(readdirSync(one.run.folder).sort()).toEqual(STEP_FILES);
    const store = contents(join(work, "cache"));
    const two = await trainWatched(photos, classic);
    expect(sawBackbone(two.events)).toBe(false);
    expect(contents(join(work, "cache"))).toEqual(store);
    expectSame(two.run, one.run);
    useCache("cold");
    expectSame(await train(photos, classic), one.run);
    expect(accuracyOf(one.run)).toBeGreaterThan(0.9);
    const rows = parse(readFileSync(join(one.run.folder, "results.csv")), { columns: true, cast: true });
    expect(rows).toMatchObject([1, 2, 3].map((epoch) => ({ epoch, stage: 1, learningRate: 0.01 })));
  });

  test("twice at once, with a cold cache between them, gives the same bytes", async () => {
    useCache("shared");
    const [one, two] = await Promise.all([train(photos, quick), train(photos, quick)]);
    expect(one.folder).not.toBe(two.folder);
    expectSame(one, two);
  });

  test("another seed gives another split and another model", async () => {
    const other = await train(photos, { ...quick, seed: 1 });
    expect(json(other, "data.json").fingerprint).not.toBe(json(first.run, "data.json").fingerprint);
    expect(readFileSync(other.model).equals(readFileSync(first.run.model))).toBe(false);
  });

  function expectSame(a: Run, b: Run): void {
    expect(json(a, "metrics.json")).toEqual(json(b, "metrics.json"));
    for (const name of ["results.csv", "data.json", "grid.png", "curves.png", "confusion.png", "model.onnx"])
      expect([name, readFileSync(join(a.folder, name)).equals(readFileSync(join(b.folder, name)))]).toEqual([
        name,
        true,
      ]);
  }
});

test("plainly coloured classes are told apart without a mistake", () => {
  for (const { accuracy } of Object.values(first.run.metrics)) expect(accuracy).toBe(1);
});

describe("photos with splits of their own", () => {
  const tree = join(work, "tree");
  beforeAll(() => {
    for (const name of ["cat", "dog"])
      for (const [number, split] of ["train", "train", "train", "val", "val"].entries()) {
        mkdirSync(join(tree, split, name), { recursive: true });
        cpSync(join(photos, name, `0${number + 1}.jpg`), join(tree, split, name, `${number}.jpg`));
      }
  });

  test.each(WAYS)("are used as they are: no test split, no figures (%s)", async (way, options) => {
    const run = await train(tree, options);
    const { train: a, validation: b, test: c } = run.metrics;
    expect([a.photos, b.photos, c.photos]).toEqual([6, 4, 0]);
    expect(c).toMatchObject({ accuracy: null, accuracyInterval: null, top5: null, loss: null });
    expect(c.perClass).toMatchObject([{ photos: 0 }, { photos: 0 }]);
    for (const { name, split } of json(run, "data.json").photos)
      expect(name.startsWith(split === "train" ? "train/" : "val/")).toBe(true);
    expect(readdirSync(run.folder).sort()).toEqual(way === "stored features" ? FILES : STEP_FILES);
  });

  test("without validation photos, a recipe that chooses its epoch by them is refused, and no folder is left", async () => {
    const bare = join(tree, "train");
    const options = { ...quick, out: join(work, "new", "runs"), split: [1, 0, 0] as const };
    await expect(train(bare, { ...options, recipe: "keras-classic", stages: "1@64" })).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: expect.stringContaining("no validation photos"),
      hint: expect.stringContaining("validation folder"),
    });
    expect(existsSync(join(work, "new"))).toBe(false);
    const run = await train(bare, options);
    expect(run.metrics.validation).toMatchObject({ photos: 0, accuracy: null });
    expect(run.metrics.train.accuracy).toBe(1);
    expect(readdirSync(run.folder).sort()).toEqual(FILES);
  });
});

test("photos that cannot be told apart train to a coin's toss", async () => {
  const same = join(work, "same");
  for (const name of ["heads", "tails"])
    for (const number of [1, 2, 3])
      cpSync(join(photos, "cat", "01.jpg"), join(same, "train", name, `${number}.jpg`));
  const { run, events } = await trainWatched(same, small);
  expect(run.metrics.train.loss).toBeCloseTo(Math.LN2, 4);
  expect(events.find(({ kind }) => kind === "found")).toMatchObject({
    warnings: [expect.stringContaining("exact copies with another label")],
  });
  expect(readdirSync(run.folder).sort()).toEqual(FILES);
});

test("runs may stand among the class folders: they are no class", async () => {
  const own = join(work, "inside");
  cpSync(photos, own, { recursive: true });
  const options = { ...quick, out: join(own, "runs") };
  const [one, two] = [await train(own, options), await train(own, options)];
  expect([one.folder, two.folder]).toEqual([join(own, "runs", "1"), join(own, "runs", "2")]);
  expect(two.classes).toEqual(["cat", "dog", "fox"]);
  expect(readFileSync(two.model).equals(readFileSync(one.model))).toBe(true);
});

describe("options that cannot be meant leave nothing behind", () => {
  test.each<[string, TrainOptions, string]>([
    ["a name with a slash", { name: "a/b" }, "no name for a run"],
    ["a name with a backslash", { name: "a\\b" }, "no name for a run"],
    ["a name with a null character", { name: "a\0b" }, "no name for a run"],
    ["the folder above", { name: ".." }, "no name for a run"],
    ["no name", { name: "" }, "no name for a run"],
    ["a name that is taken", { name: "1" }, "There is a run"],
    ["a seed that is no whole number", { seed: 0.5 }, "seed"],
    ["an image size that the backbone cannot take", { stages: "1@8" }, "8"],
    ["no threads", { threads: 0 }, "threads"],
    ["nothing to train on", { split: [0, 1, 1] }, "split"],
    ["an unknown backbone", { backbone: "nonesuch" }, "nonesuch"],
    ["a recipe out of range", { recipe: { ...RECIPES["keras-classic"], dropout: 1 } }, "dropout"],
    ["a file in place of the folder", { out: join(photos, "cat", "01.jpg") }, "is not a folder"],
    ["a file above the folder", { out: join(photos, "cat", "01.jpg", "runs") }, "is not a folder"],
  ])("%s", async (_, options, sentence) => {
    const before = readdirSync(out).sort();
    await expect(train(photos, { ...small, ...options })).rejects.toMatchObject({
      name: "HeadstartError",
      code: "INVALID_OPTION",
      message: expect.stringContaining(sentence),
    });
    expect(readdirSync(out).sort()).toEqual(before);
  });

  test("neither do photos that are not there", async () => {
    const options = { ...small, out: join(work, "none", "runs") };
    await expect(train(join(work, "nowhere"), options)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(existsSync(join(work, "none"))).toBe(false);
  });
});

test("a run has the name that it is given", async () => {
  const run = await train(photos, { ...quick, name: "Füchse 1" });
  expect(run.folder).toBe(join(out, "Füchse 1"));
  expect(await resume(run.folder, { report: false })).toEqual(run);
});

describe("photos that cannot be used", () => {
  /** A folder of good photos and some that are not. */
  function withOdd(name: string, odd: Readonly<Record<string, Uint8Array | string>>): string {
    const folder = join(work, name);
    cpSync(photos, folder, { recursive: true });
    for (const [file, content] of Object.entries(odd)) writeFileSync(join(folder, file), content);
    return folder;
  }
  const HEADER = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]);

  test.each(WAYS)("are skipped and named; the run goes on (%s)", async (way, options) => {
    const folder = withOdd(`odd ${way}`, {
      "cat/empty.jpg": "",
      "cat/text.jpg": "This is no photo.",
      "dog/header.jpg": HEADER,
    });
    const cut = join(folder, "fox", "01.jpg");
    truncateSync(cut, Math.floor(statSync(cut).size * 0.8));
    const { run, events } = await trainWatched(folder, options);
    const data = json(run, "data.json");
    expect(data.skipped.map(({ name }: { name: string }) => name)).toEqual([
      "cat/empty.jpg",
      "cat/text.jpg",
      "dog/header.jpg",
    ]);
    for (const { reason } of data.skipped) expect(reason).toMatch(/\w/);
    expect(data.truncated).toEqual(["fox/01.jpg"]);
    expect(data.photos).toHaveLength(3 * PER_CLASS);
    const { train: a, validation: b, test: c } = run.metrics;
    expect(a.photos + b.photos + c.photos).toBe(3 * PER_CLASS);
    const notes = events.flatMap((event) => (event.kind === "note" ? [event.message] : []));
    expect(notes).toContain("3 files skipped; data.json says which and why.");
    expect(notes.join("\n")).toContain("1 photo cut off or damaged");
  });

  const odd = shared("photos/odd");
  test.skipIf(odd === undefined)("every odd photo of ../shared is used or named", async () => {
    const folder = withOdd("odd-shared", {});
    const before = json(first.run, "data.json").photos.length;
    cpSync(odd ?? "", join(folder, "cat"), { recursive: true });
    const run = await train(folder, quick);
    const data = json(run, "data.json");
    expect(data.photos.length + data.skipped.length).toBe(before + readdirSync(odd ?? "").length);
    const skipped = data.skipped.map(({ name }: { name: string }) => basename(name));
    for (const name of ["empty.jpg", "header-only.jpg", "bomb-30000x30000.png", "script.svg", "text.jpg"])
      expect(skipped).toContain(name);
    expect(skipped).not.toContain("cmyk.jpg");
    expect(data.truncated).toContain("cat/truncated.jpg");
  });

  test("a class that is left with too few is named, with what is wrong", async () => {
    const folder = withOdd("few", {});
    rmSync(join(folder, "dog"), { recursive: true });
    mkdirSync(join(folder, "dog"));
    // Differing content puts them on all sides of the split.
    for (let number = 0; number < 30; number++)
      writeFileSync(join(folder, "dog", `${number}.jpg`), Buffer.concat([HEADER, Buffer.from(`${number}`)]));
    await expect(train(folder, quick)).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: "30 photos cannot be decoded, and without them the class dog has too few to train on.",
      hint: expect.stringMatching(/at least 2 training photos.* dog\/\d+\.jpg: .+/),
    });
  });

  test.each(WAYS)(
    "a photo that vanishes before it is decoded is skipped, with the reason (%s)",
    async (way, options) => {
      const folder = withOdd(`vanish ${way}`, {});
      await drawPhoto(join(folder, "cat", "gone.jpg"), "cat", 1000 + way.length);
      const run = await train(folder, {
        ...options,
        onProgress: ({ kind }) => {
          if (kind === "found") unlinkSync(join(folder, "cat", "gone.jpg"));
        },
      });
      const data = json(run, "data.json");
      expect(data.skipped).toEqual([
        { name: "cat/gone.jpg", reason: expect.stringContaining("There is no file") },
      ]);
      expect(data.photos).toHaveLength(3 * PER_CLASS);
    },
  );

  test("all of them vanish: the last sentence is about the photos", async () => {
    const folder = withOdd("vanish-all", {});
    useCache("cold-vanish-all");
    await expect(
      train(folder, {
        ...quick,
        onProgress: ({ kind }) => {
          if (kind === "found") rmSync(folder, { recursive: true, force: true });
        },
      }),
    ).rejects.toMatchObject({ code: "INVALID_DATA", message: expect.stringContaining("72 photos cannot") });
  });
});

describe("a disk that refuses", () => {
  test("stops the run with a sentence wherever it happens; nothing is half-written, and the run goes on later", async () => {
    const folder = join(out, "full");
    disk.full = "recipe.json";
    await expect(train(photos, { ...quick, name: "full" })).rejects.toMatchObject({ code: "STORAGE" });
    expect(existsSync(folder)).toBe(false);
    let go = () => train(photos, { ...quick, report: true, name: "full" });
    // In the order in which they are written.
    for (const name of [
      "data",
      "results",
      "model",
      "grid",
      "answers",
      "answer-curves",
      "metrics",
      "README",
      "report",
    ].map((stem) => [...FILES, ...REPORT_FILES].find((file) => file.startsWith(stem)) ?? "")) {
      disk.full = name;
      await expect(go()).rejects.toMatchObject({
        code: "STORAGE",
        message: `The disk is full: ${join(folder, name)}.`,
      });
      const known = [...FILES, ...REPORT_FILES];
      expect(readdirSync(folder).filter((file) => file === name || !known.includes(file))).toEqual([]);
      expect(readFileSync(join(folder, "log.txt"), "utf8")).toMatch(
        /HeadstartError: The disk is full: .*\n$/,
      );
      go = () => resume(folder);
    }
    disk.full = "";
    const run = await go();
    const usual = await train(photos, quick);
    expect(readFileSync(run.model).equals(readFileSync(usual.model))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual([...FILES, ...REPORT_FILES].sort());
  });

  test("a checkpoint that cannot be written", async () => {
    disk.full = "checkpoint.safetensors";
    const [, [, options]] = WAYS;
    await expect(train(photos, { ...options, name: "no-checkpoint" })).rejects.toMatchObject({
      code: "STORAGE",
      message: expect.stringContaining("checkpoint.safetensors"),
    });
    disk.full = "";
    const run = await resume(join(out, "no-checkpoint"), { report: false });
    expect(readFileSync(run.model).equals(readFileSync((await train(photos, options)).model))).toBe(true);
  });

  const mounted = join(work, "mounted");
  test("a disk that is really full (needs the right to mount one)", async ({ skip }) => {
    skip(!mountSmallDisk(), "only root may mount a disk");
    try {
      await expect(train(photos, { ...quick, out: mounted })).rejects.toMatchObject({
        code: "STORAGE",
        message: `The disk is full: ${join(mounted, "1", "model.onnx")}.`,
      });
      expect(readdirSync(join(mounted, "1")).sort()).toEqual([
        "data.json",
        "log.txt",
        "precision.json",
        "recipe.json",
        "results.csv",
      ]);
    } finally {
      execFileSync("umount", [mounted]);
    }
  });

  test.skipIf(process.getuid?.() === 0)("a folder that may not be written to (not as root)", async () => {
    const closed = join(work, "closed");
    mkdirSync(closed, { mode: 0o500 });
    await expect(train(photos, { ...small, out: closed })).rejects.toMatchObject({ code: "STORAGE" });
    expect(readdirSync(closed)).toEqual([]);
  });

  test.each(WAYS)("a cache that cannot be written to costs time only (%s)", async (_, options) => {
    const usual = await train(photos, options);
    appendFileSync(join(work, "no-folder"), "");
    useCache("no-folder");
    const { run, events } = await trainWatched(photos, options);
    expect(readFileSync(run.model).equals(readFileSync(usual.model))).toBe(true);
    expect(events).toContainEqual({
      kind: "note",
      message: expect.stringContaining("Features cannot be kept for later runs."),
    });
  });

  /** Mounts a disk with room for everything but the model. */
  function mountSmallDisk(): boolean {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
    try {
      mkdirSync(mounted);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  }
});

describe("a recipe of one's own", () => {
  const own: Record<string, Recipe> = {
    "stored features, Adam, cosine": {
      ...RECIPES.default,
      name: "stored",
      optimiser: { kind: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      schedule: { kind: "cosine", warmup: 0.1 },
      classWeights: "balanced",
      labelSmoothing: 0.1,
      earlyStopping: 4,
      batchSize: 16,
      stages: [
        { epochs: 6, imageSize: 64 },
        { epochs: 40, imageSize: 32 },
      ],
    },
    "augmentation, SGD, dropout": {
      ...RECIPES["keras-classic"],
      name: "views",
      optimiser: { kind: "sgd", learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
      augmentation: { rotation: 20, shear: 5, zoom: [0.8, 1.2], horizontalFlip: true },
      resize: "bicubic",
      dropout: 0.2,
      batchSize: 16,
      stages: [{ epochs: 4, imageSize: 64 }],
    },
  };

  test.each(Object.entries(own))(
    "%s: trains, stops where asked, and goes on to the same end",
    async (_, recipe) => {
      const { stages: __, ...options } = small;
      const whole = await trainWatched(photos, { ...options, recipe });
      expect(accuracyOf(whole.run)).toBeGreaterThan(0.9);
      const rows = whole.events.flatMap((event) => (event.kind === "epoch" ? [event.row] : []));
      const epochs = recipe.stages.reduce((sum, stage) => sum + stage.epochs, 0);
      if (recipe.earlyStopping === null) expect(rows).toHaveLength(epochs);
      else {
        expect(rows.length).toBeLessThan(epochs);
        const losses = rows.map(({ validationLoss }) => validationLoss ?? Number.NaN);
        expect(losses.indexOf(Math.min(...losses))).toBe(rows.length - 1 - recipe.earlyStopping);
      }
      // Interrupted in the middle of an epoch, twice.
      let folder = "";
      for (const [epoch, done] of [
        [2, 16],
        [3, 32],
      ] as const) {
        const controller = new AbortController();
        const onProgress = (progress: Progress) => {
          if (progress.kind === "found") folder = progress.folder;
          if (progress.kind !== "progress" || progress.phase !== "training") return;
          if (progress.detail.startsWith(`epoch ${epoch} of`) && progress.done === done) controller.abort();
        };
        const watched = { onProgress, signal: controller.signal };
        await expect(
          folder === ""
            ? train(photos, { ...options, recipe, ...watched })
            : resume(folder, { ...watched, report: false }),
        ).rejects.toMatchObject({ code: "INTERRUPTED", message: expect.stringContaining(`epoch ${epoch}`) });
        expect(existsSync(join(folder, "checkpoint.safetensors"))).toBe(true);
        expect(existsSync(join(folder, "metrics.json"))).toBe(false);
      }
      const run = await resume(folder, { report: false });
      expect(readFileSync(run.model).equals(readFileSync(whole.run.model))).toBe(true);
      expect(readFileSync(join(folder, "results.csv"), "utf8")).toBe(
        readFileSync(join(whole.run.folder, "results.csv"), "utf8"),
      );
      expect(readdirSync(folder).sort()).toEqual(STEP_FILES);
    },
  );
});
