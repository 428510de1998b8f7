import { join } from "node:path";
import { headstart } from "../child.js";
import { median, type Result } from "../measure.js";
import { DEMO_PHOTOS, OWN_PHOTOS } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary = "predict one photo from the shell, against 1.2 seconds and 350 MB";

const ROUNDS = 9;
const LIMIT = 1200;
const MEMORY_LIMIT = 350e6;

export async function run(): Promise<Result> {
  return await inTemporaryFolder(async (folder) => {
    const env = { HEADSTART_CACHE: join(folder, "cache") };
    await headstart(["train", DEMO_PHOTOS, "--out", folder, "--name", "run", "--json"], env);
    const predict = ["predict", join(folder, "run"), join(OWN_PHOTOS, "roses_01.jpg")];
    const times: number[] = [];
    const peaks: number[] = [];
    const starts: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const ended = await headstart(predict, env);
      const help = await headstart(["--version"], env);
      if (round < 0) continue;
      times.push(ended.milliseconds);
      peaks.push(ended.peakBytes);
      starts.push(help.milliseconds);
    }
    return {
      name: "cold",
      ratio: median(times) / LIMIT,
      bar: 1,
      parts: {
        "predict one photo (ms)": median(times),
        "limit (ms)": LIMIT,
        "headstart --version (ms)": median(starts),
        "peak memory (MB)": median(peaks) / 1e6,
        "peak memory / 350 MB (ratio, bar 1)": median(peaks) / MEMORY_LIMIT,
      },
    };
  });
}
