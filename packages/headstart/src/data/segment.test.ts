import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeSafetensors } from "../onnx/safetensors.js";
import { uint8 } from "../onnx/tensor.js";
import { readSegment, readSegmentFeatures, writeSegment } from "./segment.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-segment-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rows = [0, 1, 2].map((i) => ({
  digest: `${i}a`.repeat(32),
  features: Float32Array.of(i, -i, i / 3, Number.NaN),
  truncated: i === 1,
}));

test("what is written is read back", async () => {
  const { bytes, ...written } = await writeSegment(folder, rows);
  expect(await readSegment(written.path)).toEqual(written);
  expect(written.digests).toEqual(rows.map(({ digest }) => digest));
  expect(written.truncated).toEqual([false, true, false]);
  expect(await readSegmentFeatures(written)).toEqual(
    Float32Array.of(...rows.flatMap(({ features }) => [...features])),
  );
  expect((await readFile(written.path)).length).toBe(bytes);
});

test("names are never the same", async () => {
  const before = (await readdir(folder)).length;
  await Promise.all(Array.from({ length: 20 }, () => writeSegment(folder, rows)));
  expect(await readdir(folder)).toHaveLength(before + 20);
});

test("any changed byte of the data, and any cut, is found out", async () => {
  const segment = await writeSegment(folder, rows);
  const file = await readFile(segment.path);
  const dataBytes = 3 * (16 + 32 + 1);
  const path = join(folder, "changed");
  await fc.assert(
    fc.asyncProperty(fc.nat(dataBytes - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(file);
      const place = file.length - dataBytes + at;
      changed[place] = (file[place] ?? 0) ^ flip;
      await writeFile(path, changed);
      await expect(readSegmentFeatures({ ...segment, path })).rejects.toMatchObject({ code: "INVALID_RUN" });
      await writeFile(path, file.subarray(0, file.length - 1 - at));
      await expect(readSegment(path)).rejects.toMatchObject({ code: "INVALID_RUN" });
    }),
    { numRuns: 40 },
  );
});

test("another safetensors file is no segment", async () => {
  const path = join(folder, "other.safetensors");
  await writeFile(path, writeSafetensors(new Map([["features", uint8([1, 1], [1])]])));
  await expect(readSegment(path)).rejects.toThrow(/not a sound segment/);
});
