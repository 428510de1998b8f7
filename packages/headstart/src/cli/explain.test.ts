import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { drawPhotos } from "../../test/support/photos.js";
import { newFolder } from "../../test/support/temporary.js";
import { tinyModel } from "../../test/support/tiny-classifier.js";
import { writeModel } from "../onnx/index.js";
import { addExplain } from "./explain.js";
import { tellFailure } from "./failure.js";
import { Terminal } from "./terminal.js";

const folder = newFolder();
const model = join(folder, "model.onnx");
const photos = join(folder, "photos");
const here = process.cwd();
beforeAll(async () => {
  writeFileSync(model, writeModel(await tinyModel(folder)));
  await drawPhotos(photos, 1);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(here);
  rmSync(folder, { recursive: true, force: true });
});

async function explain(...args: readonly string[]) {
  const streams = captured();
  const terminal = new Terminal(streams);
  const program = new Command("headstart").exitOverride().configureOutput({
    writeOut: (text) => void streams.stdout.write(text),
    outputError: () => undefined,
  });
  addExplain(program, terminal);
  let code = 0;
  try {
    await program.parseAsync(["explain", ...args], { from: "user" });
  } catch (error) {
    const style = { json: args.includes("--json"), debug: false, command: "explain" };
    code = tellFailure(terminal, error, style);
  }
  return { code, out: streams.out(), err: streams.err() };
}

test("draws a sheet, and says what was explained", async () => {
  const { code, out } = await explain(model, photos);
  expect(code).toBe(0);
  expect(out).toMatch(/photo +class +probability\n/);
  expect(out).toMatch(/cat\/01\.jpg +(cat|dog|fox) +\d+\.\d %\n/);
  expect(out).toMatch(/method {2}cam at \S+\nsheet {3}maps\.png\n$/);
  expect(existsSync(join(folder, "maps.png"))).toBe(true);
});

test("one document with every map", async () => {
  const { code, out } = await explain(model, photos, "--class", "fox", "--out", "out", "--json");
  expect(code).toBe(0);
  const document = JSON.parse(out);
  expect(document).toMatchObject({ method: "cam", sheet: join("out", "maps.png"), skipped: [] });
  expect(document.photos).toHaveLength(3);
  const [first] = document.photos;
  expect(first).toMatchObject({ className: "fox", overlay: join("out", "01-map.png") });
  expect(first.map.values).toHaveLength(first.map.height * first.map.width);
});

test("occlusion tells how far it agrees", async () => {
  const { code, out, err } = await explain(model, join(photos, "cat/01.jpg"), "--method", "occlusion");
  expect(code).toBe(0);
  expect(out).toMatch(/probability +agreement\n/);
  expect(out).toContain("rank correlation");
  expect(err).toContain("explaining");
});

test("a class, a layer and a method that there are not", async () => {
  const photo = join(photos, "cat/01.jpg");
  expect(await explain(model, photo, "--class", "dogs")).toMatchObject({
    code: 2,
    err: expect.stringContaining("Classes with names like it: dog."),
  });
  expect(await explain(model, photo, "--layer", "none")).toMatchObject({
    code: 2,
    err: expect.stringContaining("The network has no layer none."),
  });
  expect(await explain(model, photo, "--method", "magic")).toMatchObject({
    code: 2,
    err: expect.stringContaining("cam, grad-cam, occlusion"),
  });
});

test("the help says what may be chosen", async () => {
  const { out } = await explain("--help");
  for (const wanted of ["--class <name>", "--layer <name>", "--method <method>", "--out <folder>", "--json"])
    expect(out).toContain(wanted);
});
