import { join } from "node:path";
import { headstart } from "../child.js";
import type { Result } from "../measure.js";
import { generatePhotos } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary = "peak memory of train on 8,000 photos against 2,000";

const FEW = 2000;
const MANY = 8000;
const SIZE = 128;

/** What `auto` chooses depends on how many photos there are, so each precision is compared with itself; the ratio is the worse one. */
export async function run(): Promise<Result> {
  const parts: Record<string, number> = {};
  const ratios: number[] = [];
  for (const precision of ["float", "int8"]) {
    const peaks: number[] = [];
    for (const count of [FEW, MANY]) {
      const { peakBytes, milliseconds } = await inTemporaryFolder(async (folder) => {
        const photos = join(folder, "photos");
        await generatePhotos(photos, count, SIZE);
        const env = { HEADSTART_CACHE: join(folder, "cache") };
        const args = ["train", photos, "--precision", precision, "--out", join(folder, "runs"), "--json"];
        return await headstart(args, env);
      });
      peaks.push(peakBytes);
      parts[`peak at ${count} photos, ${precision} (MB)`] = peakBytes / 1e6;
      parts[`train on ${count} photos, ${precision} (ms)`] = milliseconds;
    }
    const [few = Number.NaN, many = Number.NaN] = peaks;
    ratios.push(many / few);
  }
  return { name: "memory", ratio: Math.max(...ratios), bar: 1.1, parts };
}
