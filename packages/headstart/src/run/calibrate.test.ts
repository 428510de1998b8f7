import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawPhotos } from "../../test/support/photos.js";
import { newFolder } from "../../test/support/temporary.js";
import { Classifier } from "../model/index.js";
import { calibrate } from "./calibrate.js";
import { type Run, train } from "./train.js";

const folder = newFolder();
const photos = join(folder, "photos");
let run: Run;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await drawPhotos(photos, 12);
  run = await train(photos, { out: join(folder, "runs"), report: false });
});

test("teaches a model the certainty that it may have on other photos, and leaves its answers as they are", async () => {
  const out = join(folder, "calibrated.onnx");
  const before = readFileSync(run.model);
  const { model, calibration, skipped } = await calibrate(run.folder, photos, { out });
  expect([model, skipped]).toEqual([out, []]);
  expect(readFileSync(run.model).equals(before)).toBe(true);
  expect(calibration).toMatchObject({ fittedOn: "other", photos: 36 });
  const [old, now] = await Promise.all([run.model, out].map((path) => Classifier.load(path)));
  expect(now?.provenance).toEqual({ ...old?.provenance, calibration });
  const photo = join(photos, "cat", "03.jpg");
  const [a, b] = [await old?.predict(photo), await now?.predict(photo)];
  expect(b?.className).toBe(a?.className);
  expect(b?.unlike).toBe(a?.unlike);
  const ratio = (calibration.temperature ?? 1) / (old?.provenance.calibration?.temperature ?? 1);
  const odds = (classes = a?.classes) =>
    Math.log((classes?.[0].probability ?? 0) / (classes?.[1]?.probability ?? 1));
  expect(odds(a?.classes) / odds(b?.classes)).toBeCloseTo(ratio, 2);
  for (const classifier of [old, now]) await classifier?.close();
});

test("of the same photos and model it does the same again, in place", async () => {
  const first = await calibrate(run.folder, photos);
  expect(first.model).toBe(run.model);
  const once = readFileSync(run.model);
  await calibrate(run.model, photos);
  expect(readFileSync(run.model).equals(once)).toBe(true);
});

test("says what it cannot calibrate", async () => {
  await expect(calibrate(join(folder, "absent.onnx"), photos)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(calibrate(run.folder, join(folder, "nowhere"))).rejects.toMatchObject({ code: "NOT_FOUND" });
});
