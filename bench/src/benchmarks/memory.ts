import { join } from "node:path";
import { headstart } from "../child.js";
import type { Result } from "../measure.js";
import { generatePhotos } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary = "peak memory of train on 8,000 photos against 2,000";

const FEW = 2000;
const MANY = 8000;
const SIZE = 128;

export async function run(): Promise<Result> {
  const peak = (count: number) =>
    inTemporaryFolder(async (folder) => {
      const photos = join(folder, "photos");
      await generatePhotos(photos, count, SIZE);
      const env = { HEADSTART_CACHE: join(folder, "cache") };
      return await headstart(["train", photos, "--out", join(folder, "runs"), "--json"], env);
    });
  const few = await peak(FEW);
  const many = await peak(MANY);
  return {
    name: "memory",
    ratio: many.peakBytes / few.peakBytes,
    bar: 1.1,
    parts: {
      [`peak at ${FEW} photos (MB)`]: few.peakBytes / 1e6,
      [`peak at ${MANY} photos (MB)`]: many.peakBytes / 1e6,
      [`train on ${FEW} photos (ms)`]: few.milliseconds,
      [`train on ${MANY} photos (ms)`]: many.milliseconds,
    },
  };
}
