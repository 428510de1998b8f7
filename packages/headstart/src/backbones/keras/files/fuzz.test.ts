import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { changed, sampleChanges } from "../../../../test/support/changes.js";
import { kerasFixture } from "../../../../test/support/keras-files.js";
import { newFolder } from "../../../../test/support/temporary.js";
import { HeadstartError } from "../../../errors.js";
import { Hdf5Reader } from "./hdf5/read.js";
import { kerasFileOf, openKerasFile } from "./keras-file.js";

const folder = newFolder();
const reader = new Hdf5Reader();
afterAll(async () => {
  await reader.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("changed files are read or refused in a sentence, in bounded time and memory", () => {
  test("HDF5", async () => {
    const files = ["keras2.h5", "keras3.weights.h5", "split.h5", "types.h5"].map((name) =>
      readFileSync(kerasFixture(name)),
    );
    const outcomes = await outcomesOf(files, 400, async (path) => {
      const root = await reader.read(path, { milliseconds: 500 });
      kerasFileOf(root, "changed.h5", undefined).weights.unread();
    });
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  test("archives", async () => {
    const files = ["keras2-15.keras", "keras2-13-windows.keras"].map((name) =>
      readFileSync(kerasFixture(name)),
    );
    const outcomes = await outcomesOf(files, 100, async (path) => {
      (await openKerasFile(path)).weights.unread();
    });
    expect(outcomes.refused).toBeGreaterThan(70);
  });
});

/** How many of the changed files were read and refused. Fails at any error that is not meant for the user, and beyond 1 GB of memory. */
async function outcomesOf(
  files: readonly Buffer[],
  count: number,
  read: (path: string) => Promise<void>,
): Promise<{ read: number; refused: number }> {
  const outcomes = { read: 0, refused: 0 };
  const before = process.memoryUsage().rss;
  const path = join(folder, "changed");
  for (const [index, list] of sampleChanges(4, count).entries()) {
    const file = files[index % files.length];
    if (file === undefined) continue;
    writeFileSync(path, changed(file, list));
    const error = await read(path).catch((reason: unknown) => reason);
    if (error !== undefined && !(error instanceof HeadstartError))
      throw new Error(`The changes ${JSON.stringify(list)} make an error that is no HeadstartError.`, {
        cause: error,
      });
    outcomes[error === undefined ? "read" : "refused"]++;
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
  }
  return outcomes;
}
