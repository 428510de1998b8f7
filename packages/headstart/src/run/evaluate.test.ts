import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawPhotos } from "../../test/support/photos.js";
import { newFolder } from "../../test/support/temporary.js";
import { evaluateClassifier } from "./evaluate.js";
import type { Progress } from "./progress.js";
import { type Run, train } from "./train.js";

const folder = newFolder();
const photos = join(folder, "photos");
let run: Run;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await drawPhotos(photos, 12);
  run = await train(photos, { out: join(folder, "runs"), report: false });
});

describe("evaluateClassifier", () => {
  test("one folder a class: all photos, no split; progress comes in order", async () => {
    const seen: Progress[] = [];
    const { split, metrics, skipped } = await evaluateClassifier(run.folder, photos, {
      onProgress: (progress) => seen.push(progress),
    });
    expect(split).toBeUndefined();
    expect(metrics).toMatchObject({ photos: 36, accuracy: 1 });
    expect(metrics.accuracyInterval?.[0]).toBeGreaterThan(0.85);
    expect(skipped).toEqual([]);
    const last = seen.at(-1);
    expect(last).toMatchObject({ kind: "progress", phase: "measuring", done: 36, total: 36 });
  });

  test("the figures are those that the run measured, from the same photos", async () => {
    const { metrics } = await evaluateClassifier(run.model, photos);
    const { train: a, validation: b, test: c } = run.metrics;
    const sum = [a, b, c].reduce((total, { loss, photos: count }) => total + (loss ?? 0) * count, 0);
    expect(metrics.loss).toBeCloseTo(sum / 36, 4);
  });

  test("of splits the test photos, else the validation photos, else the training photos", async () => {
    const tree = join(folder, "tree");
    for (const split of ["train", "val", "test"]) {
      mkdirSync(join(tree, split), { recursive: true });
      for (const name of ["cat", "dog", "fox"])
        cpSync(join(photos, name), join(tree, split, name), { recursive: true });
    }
    const measure = async () => (await evaluateClassifier(run.folder, tree)).split;
    expect(await measure()).toBe("test");
    renameSync(join(tree, "test"), join(folder, "gone"));
    expect(await measure()).toBe("validation");
    rmSync(join(tree, "val"), { recursive: true });
    expect(await measure()).toBe("train");
    expect((await evaluateClassifier(run.folder, join(folder, "gone"))).split).toBeUndefined();
  });

  test("a single class and a class fewer than the model knows are measured; a manifest too", async () => {
    const one = join(folder, "one");
    cpSync(join(photos, "fox"), join(one, "fox"), { recursive: true });
    writeFileSync(join(one, "fox", "broken.jpg"), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
    const { metrics, skipped } = await evaluateClassifier(run.folder, one);
    expect(metrics.perClass.map(({ className, photos: count }) => [className, count])).toEqual([
      ["cat", 0],
      ["dog", 0],
      ["fox", 12],
    ]);
    expect(skipped.map(({ name }) => name)).toEqual(["fox/broken.jpg"]);
    writeFileSync(join(photos, "list.csv"), "path,label\ncat/01.jpg,cat\nfox/01.jpg,cat\n");
    const listed = await evaluateClassifier(run.folder, join(photos, "list.csv"));
    rmSync(join(photos, "list.csv"));
    expect(listed.metrics).toMatchObject({ photos: 2, accuracy: 0.5 });
  });

  test("a class that the model does not know is named, with the one that may be meant", async () => {
    const other = join(folder, "other");
    cpSync(join(photos, "cat"), join(other, "Cat"), { recursive: true });
    await expect(evaluateClassifier(run.folder, other)).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: expect.stringContaining("does not know the class Cat"),
      hint: "It knows cat: give both the same name.",
    });
    renameSync(join(other, "Cat"), join(other, "horse"));
    await expect(evaluateClassifier(run.folder, other)).rejects.toMatchObject({
      message: expect.stringContaining("horse"),
      hint: "Its classes are cat, dog, fox.",
    });
  });

  test("ends when the signal asks for it", async () => {
    const controller = new AbortController();
    const ended = evaluateClassifier(run.folder, photos, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(ended).rejects.toSatisfy(
      (error: Error & { code?: unknown }) => error.code === "INTERRUPTED" || error.name === "AbortError",
    );
  });

  test("nothing there", async () => {
    await expect(evaluateClassifier(join(folder, "nowhere"), photos)).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(evaluateClassifier(run.folder, join(folder, "nowhere"))).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});
