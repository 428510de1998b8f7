import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inspectFiles } from "./inspect.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-inspect-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const START = Buffer.from([0xff, 0xd8, 0xff]);

test("photos get the digest of all their bytes, at any length", async () => {
  const lengths = [3, 4095, 4096, 4097, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20];
  const contents = lengths.map((length) => Buffer.concat([START, Buffer.alloc(length - 3, length % 251)]));
  const files = lengths.map((length) => ({ name: `${length}`, path: join(folder, `${length}`) }));
  for (const [i, { path }] of files.entries()) await writeFile(path, contents[i] ?? "");
  expect(await inspectFiles(files)).toEqual(
    contents.map((content) => ({
      digest: createHash("sha256").update(content).digest("hex"),
      bytes: content.length,
    })),
  );
  expect(await inspectFiles(files, { digest: false })).toEqual(
    contents.map(({ length }) => ({ digest: "", bytes: length })),
  );
});

test("others get a reason", async () => {
  const long = join(folder, "long");
  const handle = await open(long, "w");
  await handle.truncate(256 * 2 ** 20 + 1);
  await handle.close();
  await writeFile(join(folder, "text"), "text");
  const files = ["text", "gone", "long", "."].map((name) => ({ name, path: join(folder, name) }));
  expect(await inspectFiles(files)).toEqual([
    { name: "text", reason: "not a photo (text)" },
    { name: "gone", reason: "it vanished while it was being read" },
    { name: "long", reason: "it has 257 MiB; the most is 256" },
    { name: ".", reason: "not a file" },
  ]);
});
