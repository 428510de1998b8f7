import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { loadNetwork, trunkOf } from "../src/backbones/index.js";
import { HeadstartError } from "../src/errors.js";
import { changed, sampleChanges } from "./support/changes.js";
import { newFolder } from "./support/temporary.js";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The whole way from a file to the part that makes its features; the readers alone are tried out where they are tested. */
describe("a changed file becomes a network or is refused in a sentence, in bounded time and memory", () => {
  test("ONNX", async () => {
    const names = readdirSync(join(fixtures, "onnx")).filter((name) => name.endsWith(".onnx"));
    const outcomes = await outcomesOf(
      names.map((name) => join(fixtures, "onnx", name)),
      400,
      ".onnx",
    );
    expect(outcomes.read).toBeGreaterThan(20);
    expect(outcomes.refused).toBeGreaterThan(150);
  });

  test("Keras, whole models", async () => {
    const names = ["keras2.h5", "keras3.h5", "keras3.keras", "keras2-15.keras"];
    const outcomes = await outcomesOf(
      names.map((name) => join(fixtures, "keras-files", name)),
      100,
      "",
    );
    expect(outcomes.read + outcomes.refused).toBe(100);
  });
});

/** How many changed copies of files become networks, and how many are refused. */
async function outcomesOf(
  files: readonly string[],
  count: number,
  ending: string,
): Promise<{ read: number; refused: number }> {
  const outcomes = { read: 0, refused: 0 };
  const before = process.memoryUsage().rss;
  for (const [index, list] of sampleChanges(7, count).entries()) {
    const file = files[index % files.length] ?? "";
    const path = join(folder, `changed${ending === "" ? file.slice(file.lastIndexOf(".")) : ending}`);
    writeFileSync(path, changed(readFileSync(file), list));
    const start = performance.now();
    const error = await load(path).catch((reason: unknown) => reason);
    if (error !== undefined && !(error instanceof HeadstartError))
      throw new Error(
        `${file} with the changes ${JSON.stringify(list)} makes an error that is no HeadstartError.`,
        {
          cause: error,
        },
      );
    outcomes[error === undefined ? "read" : "refused"]++;
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
  }
  return outcomes;
}

async function load(path: string): Promise<void> {
  await trunkOf(await loadNetwork(path), {});
}
