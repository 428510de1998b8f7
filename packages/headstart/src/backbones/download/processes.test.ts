import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { sendFile, serve } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";

const BYTES = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 13) & 255);

const module = new URL("../../../dist/backbones/download/download.js", import.meta.url).href;

/** A process of its own that downloads a file, says when so many bytes are there, stops at SIGINT, and prints what comes of it. */
function downloading(
  folder: string,
  url: string,
  awaited = 0,
): { child: ChildProcess; result: Promise<string> } {
  const script = join(
    folderWith({
      "child.mjs": `import { downloadWith } from ${JSON.stringify(module)};
        const controller = new AbortController();
        process.once("SIGINT", () => controller.abort());
        const [url, folder] = process.argv.slice(2);
        const onProgress = ({ done }) => { if (done === ${awaited}) process.stderr.write("there"); };
        const options = { folder, environment: {}, signal: controller.signal, onProgress };
        const timing = { ...${JSON.stringify(QUICK)}, stall: 10_000, abandoned: 10_000 };
        await downloadWith({ url, path: "x.bin" }, options, timing).then(
          (path) => console.log("have", path),
          (error) => console.log(error.code ?? error.message),
        );`,
    }),
    "child.mjs",
  );
  const child = spawn(process.execPath, [script, url, folder], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout?.on("data", (piece) => {
    text += piece;
  });
  return { child, result: once(child, "close").then(() => text.trim()) };
}

test("two processes that want the same file fetch it once", async () => {
  const server = await serve((request, response) => {
    setTimeout(() => sendFile(request, response, BYTES), 400);
  });
  const folder = folderWith({});
  const results = [1, 2].map(() => downloading(folder, `${server.origin}/x`).result);
  expect(await Promise.all(results)).toEqual(Array(2).fill(`have ${join(folder, "x.bin")}`));
  expect(server.requests).toHaveLength(1);
  expect(readFileSync(join(folder, "x.bin")).equals(BYTES)).toBe(true);
});

test("what a killed or interrupted process has fetched is taken over by the next", async () => {
  const server = await serve((request, response, number) =>
    sendFile(request, response, BYTES, number < 2 ? { stallAfter: 50_000 } : {}),
  );
  const folder = folderWith({});
  const killed = downloading(folder, `${server.origin}/x`, 50_000);
  await once(killed.child.stderr ?? killed.child, "data");
  killed.child.kill("SIGKILL");
  await killed.result;
  expect(existsSync(join(folder, "x.bin.lock"))).toBe(true);
  const interrupted = downloading(folder, `${server.origin}/x`, 100_000);
  await once(interrupted.child.stderr ?? interrupted.child, "data");
  interrupted.child.kill("SIGINT");
  expect(await interrupted.result).toBe("INTERRUPTED");
  expect(existsSync(join(folder, "x.bin.lock"))).toBe(false);
  const { result } = downloading(folder, `${server.origin}/x`);
  expect(await result).toBe(`have ${join(folder, "x.bin")}`);
  expect(server.requests.map(({ headers }) => headers.range)).toEqual([
    undefined,
    "bytes=50000-",
    "bytes=100000-",
  ]);
  expect(readFileSync(join(folder, "x.bin")).equals(BYTES)).toBe(true);
});
