import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { HeadstartError } from "../errors.js";
import { RunLog } from "./log.js";
import type { Progress } from "./progress.js";

const row = {
  epoch: 1,
  stage: 1,
  imageSize: 64,
  loss: 0.5,
  accuracy: 1,
  validationLoss: null,
  validationAccuracy: null,
  learningRate: 0.1,
};
const events: readonly Progress[] = [
  {
    kind: "found",
    folder: "/runs/1",
    classes: ["a", "b"],
    photos: { train: 10, validation: 2, test: 0 },
    skipped: 1,
    warnings: ["Odd.", "Odder."],
  },
  { kind: "progress", phase: "features", done: 5, total: 12, detail: "" },
  { kind: "progress", phase: "features", done: 12, total: 12, detail: "" },
  { kind: "progress", phase: "training", done: 10, total: 10, detail: "epoch 1 of 2" },
  { kind: "epoch", row },
  { kind: "note", message: "A note." },
];

/** The log's lines without their times. */
const linesIn = (folder: string) =>
  readFileSync(join(folder, "log.txt"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /, ""));

test("passes everything on, and writes what has come to an end, in order", async () => {
  const folder = folderWith({ "log.txt": "before\n" });
  const seen: Progress[] = [];
  const log = RunLog.open(folder, (progress) => seen.push(progress));
  for (const event of events) log.report(event);
  log.failed(new HeadstartError("STORAGE", "The disk is full."));
  log.failed("a text");
  await log.close();
  expect(seen).toEqual(events);
  expect(linesIn(folder)).toEqual([
    "before",
    "2 classes; 10 to train on, 2 to validate with, 0 to test with; 1 skipped",
    "Odd.",
    "Odder.",
    "features: 12 done",
    "training, epoch 1 of 2: 10 done",
    JSON.stringify(row),
    "A note.",
    "HeadstartError: The disk is full.",
    "a text",
  ]);
});

test("a log that cannot be written stops nothing", async () => {
  const log = RunLog.open(join(folderWith({}), "missing"), undefined);
  log.report({ kind: "note", message: "A note." });
  await log.close();
});
