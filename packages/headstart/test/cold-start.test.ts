import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { writeModel } from "../src/onnx/index.js";
import { drawPhoto } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";
import { tinyModel } from "./support/tiny-classifier.js";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = fileURLToPath(new URL("../bin/headstart.js", import.meta.url));

/** The files that the command line loads as modules when it does something. */
async function loadedBy(...args: readonly string[]): Promise<string[]> {
  const list = join(folder, "loaded.txt");
  const hooks = `
    import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(list)}, url + "\\n");
      return next(url, context);
    }`;
  const registered = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hooks))});`;
  const child = spawn(process.execPath, ["--import", dataUrl(registered), program, ...args]);
  let err = "";
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(err);
  const loaded = existsSync(list) ? readFileSync(list, "utf8").trim().split("\n") : [];
  rmSync(list, { force: true });
  return loaded;
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** What only downloads, Keras files, training and manifests need. */
const HEAVY =
  /\/(undici|yauzl|h5wasm|csv-parse|cli-progress)\/|\/keras\/(files|import|applications)\/|\/training\/trainer/;

test("a shipped model predicts without the modules for downloads, for Keras files and for training", async () => {
  const model = join(folder, "model.onnx");
  writeFileSync(model, writeModel(await tinyModel(folder)));
  await drawPhoto(join(folder, "cat.jpg"), "cat", 1);
  const loaded = await loadedBy("predict", model, join(folder, "cat.jpg"));
  expect(loaded.some((url) => /\/model\/classifier\.js$/.test(url))).toBe(true);
  expect(loaded.filter((url) => HEAVY.test(url))).toEqual([]);
});

test("--version and help load next to nothing", async () => {
  for (const args of [["--version"], ["train", "--help"]]) {
    const loaded = await loadedBy(...args);
    expect(
      loaded.filter((url) => /\/(onnx|runtime|backbones|data|model)\/index\.js$|\/zod\//.test(url)),
    ).toEqual([]);
  }
});
