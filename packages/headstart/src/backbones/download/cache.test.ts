import { createHash } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { sendFile, serve } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";
import { listDownloads, removeWith, verifyDownloads } from "./cache.js";
import { downloadWith } from "./download.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A folder with two downloads, the part of a third, and a file that is kept aside. */
async function filled() {
  const server = await serve((request, response) =>
    sendFile(request, response, Buffer.from(`content of ${request.url}`)),
  );
  const folder = folderWith({
    "keras/c.h5.part": "half",
    "keras/c.h5.part.json": '{"url":"https://example.org/c.h5","size":8}',
    "keras/d.h5.wrong-checksum": "wrong",
    "keras/stray.txt": "stray",
    "keras/gone.h5.download.json": "{}",
  });
  for (const path of ["keras/b.h5", "hub/o/n/a.onnx"])
    await downloadWith({ url: `${server.origin}/${path}?key=1`, path }, { folder, environment: {} }, QUICK);
  return { folder, origin: server.origin };
}

test("what has been downloaded is listed, whole or in part", async () => {
  const { folder, origin } = await filled();
  const list = await listDownloads({ folder });
  expect(list.map(({ path, size, url }) => [path, size, url])).toEqual([
    ["hub/o/n/a.onnx", 32, `${origin}/hub/o/n/a.onnx`],
    ["keras/b.h5", 28, `${origin}/keras/b.h5`],
    ["keras/c.h5", 4, "https://example.org/c.h5"],
  ]);
  expect(list.map((one) => one.sha256)).toEqual([
    sha256("content of /hub/o/n/a.onnx?key=1"),
    sha256("content of /keras/b.h5?key=1"),
    undefined,
  ]);
  for (const { date } of list) expect(Math.abs(Date.now() - date.getTime())).toBeLessThan(60_000);
  expect(list[0]?.file).toBe(join(folder, "hub", "o", "n", "a.onnx"));
  expect(await listDownloads({ folder: join(folder, "none") })).toEqual([]);
});

test("a file that has changed since is found, and not used any more", async () => {
  const { folder, origin } = await filled();
  const file = join(folder, "keras", "b.h5");
  writeFileSync(file, "content of /keras/b.h5?key=2");
  const seen: string[] = [];
  const verified = await verifyDownloads({ folder, onProgress: ({ file: path }) => seen.push(path) });
  expect(verified.map(({ download, intact }) => [download.path, intact])).toEqual([
    ["hub/o/n/a.onnx", true],
    ["keras/b.h5", false],
  ]);
  expect(verified[1]?.sha256).toBe(sha256("content of /keras/b.h5?key=2"));
  expect(seen).toEqual(["hub/o/n/a.onnx", "keras/b.h5"]);
  expect([existsSync(file), existsSync(`${file}.wrong-checksum`)]).toEqual([false, true]);
  const remote = { url: `${origin}/keras/b.h5?key=1`, path: "keras/b.h5" };
  await downloadWith(remote, { folder, environment: {} }, QUICK);
  expect((await verifyDownloads({ folder })).every(({ intact }) => intact)).toBe(true);
});

test("a check can be stopped", async () => {
  const { folder } = await filled();
  const checking = verifyDownloads({ folder, signal: AbortSignal.abort() });
  await expect(checking).rejects.toMatchObject({ code: "INTERRUPTED" });
});

test("a download is removed with all that stands beside it", async () => {
  const { folder } = await filled();
  const options = { folder };
  expect(await removeWith("keras/b.h5", options, QUICK)).toMatchObject({ files: 1 });
  expect(await removeWith("keras/c.h5", options, QUICK)).toMatchObject({ files: 1 });
  expect(await removeWith("keras/d.h5", options, QUICK)).toMatchObject({ files: 1, bytes: 5 });
  expect(readdirSync(join(folder, "keras")).sort()).toEqual(["gone.h5.download.json", "stray.txt"]);
  expect(await removeWith("hub/o", options, QUICK)).toMatchObject({ files: 1 });
  expect(readdirSync(folder)).toEqual(["keras"]);
});

test("what is not there cannot be removed, nor what is outside", async () => {
  const { folder } = await filled();
  for (const path of ["keras/x.h5", "none/x.h5"])
    await expect(removeWith(path, { folder }, QUICK)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(removeWith("..", { folder }, QUICK)).rejects.toMatchObject({ code: "INVALID_OPTION" });
});
