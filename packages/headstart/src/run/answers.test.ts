import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import type { Dataset, Photo, Split } from "../data/index.js";
import { ANSWERS_FILE, answersOf, readAnswers, writeAnswers } from "./answers.js";

const photo = (name: string, className: string, split: Split): Photo => ({
  path: `/photos/${name}`,
  name,
  className,
  split,
  digest: name,
  bytes: 1,
});
const CLASSES = ["a", "b, the second", 'c "quoted"', "d", "e", "f"];
const dataset: Dataset = {
  root: "/photos",
  classes: CLASSES,
  photos: [
    photo("a/1.jpg", "a", "train"),
    photo('c/2,"x".jpg', 'c "quoted"', "test"),
    photo("f/3\n.jpg", "f", "test"),
  ],
  skipped: [],
  warnings: [],
  fingerprint: "",
};
const probabilities = {
  train: Float32Array.of(0.5, 0.2, 0.1, 0.1, 0.06, 0.04),
  validation: new Float32Array(0),
  test: Float32Array.of(0.1, 0.6, 0.2, 0.05, 0.03, 0.02, 0.3, 0.2, 0.2, 0.2, 0.1, 1e-9),
};

test("what is written is read back: five classes of each photo, the best first", async () => {
  const folder = folderWith({});
  const answers = answersOf(dataset, probabilities);
  expect(answers.map(({ name }) => name)).toEqual(["a/1.jpg", 'c/2,"x".jpg', "f/3\n.jpg"]);
  await writeAnswers(folder, answers);
  const read = await readAnswers(folder);
  expect(read?.map(({ top }) => top.map(({ className }) => className))).toEqual([
    ["a", "b, the second", 'c "quoted"', "d", "e"],
    ["b, the second", 'c "quoted"', "a", "d", "e"],
    ["a", "b, the second", 'c "quoted"', "d", "e"],
  ]);
  expect(read?.map(({ probability }) => probability)).toEqual([0.5, 0.2, 1e-9]);
  expect(read?.map(({ split }) => split)).toEqual(["train", "test", "test"]);
  expect(readFileSync(join(folder, ANSWERS_FILE), "utf8").split("\n")[0]).toBe(
    "photo,split,class,probability,answer1,probability1,answer2,probability2,answer3,probability3,answer4,probability4,answer5,probability5",
  );
});

test("two classes, and no photos at all", async () => {
  const folder = folderWith({});
  await writeAnswers(folder, []);
  expect(await readAnswers(folder)).toEqual([]);
  const two = { ...dataset, classes: ["a", "b"], photos: [photo("a/1.jpg", "a", "train")] };
  const none = new Float32Array(0);
  const answers = answersOf(two, { train: Float32Array.of(0.25, 0.75), validation: none, test: none });
  await writeAnswers(folder, answers);
  expect(await readAnswers(folder)).toEqual(answers);
});

test("a run without the file has none; a damaged one says so", async () => {
  const folder = folderWith({});
  expect(await readAnswers(folder)).toBeUndefined();
  writeFileSync(join(folder, ANSWERS_FILE), "photo,split\n1.jpg,elsewhere\n");
  await expect(readAnswers(folder)).rejects.toMatchObject({ code: "INVALID_RUN" });
});
