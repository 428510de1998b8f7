import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median, type Result } from "../measure.js";
import type { ReadKerasFile } from "../read-keras-file.js";

export const summary =
  "peak memory of reading ResNet50's weights from Keras and building its graph, against the file's size: [FILE.h5]";

const ROUNDS = 5;
const CHILD = fileURLToPath(new URL("../read-keras-file.js", import.meta.url));
const PATTERNED = fileURLToPath(
  new URL("../../../../shared/golden/keras/resnet50-notop-patterned.h5", import.meta.url),
);

/** The ratio is that of memory beyond what an idle process has. The file is one without the top. */
export async function run([file = PATTERNED]: readonly string[]): Promise<Result> {
  const { size } = await stat(file);
  const found: ReadKerasFile[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, file]);
    found.push(JSON.parse(stdout) as ReadKerasFile);
  }
  const taken = median(found.map(({ peakBytes, idleBytes }) => peakBytes - idleBytes));
  return {
    name: "keras-file",
    ratio: taken / size,
    bar: 5,
    parts: {
      "file (MB)": size / 1e6,
      "memory beyond idle (MB)": taken / 1e6,
      "idle (MB)": median(found.map(({ idleBytes }) => idleBytes)) / 1e6,
      "reading and building (ms)": median(found.map(({ milliseconds }) => milliseconds)),
    },
  };
}
