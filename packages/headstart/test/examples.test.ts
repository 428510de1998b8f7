import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checked, documentation, type Example, examplesOfPage } from "./support/examples.js";
import { writeKerasClassifier } from "./support/keras-model.js";
import { drawPhoto, drawPhotos } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";
import { problems, programOf } from "./support/typescript.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const entry = join(root, "packages/headstart/src/index.ts");
const options = { paths: { headstart: [entry] }, noUnusedLocals: false };
const work = newFolder();
const library = programOf([entry], options);
const { examples, missing } = documentation(library, entry);
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith(".md") && existsSync(join(root, name)))
  .flatMap((name) => examplesOfPage(name, readFileSync(join(root, name), "utf8")));
const files = [...examples, ...pages].map((example) => [example.title, write(example)] as const);

/** Writes an example as a module that can import the library by its name. */
function write(example: Example): string {
  const file = join(work, "examples", `${example.title.replaceAll(/\W+/g, "-")}.mts`);
  mkdirSync(join(work, "examples"), { recursive: true });
  writeFileSync(file, checked(example));
  return file;
}

beforeAll(async () => {
  symlinkSync(join(root, "node_modules"), join(work, "node_modules"));
  vi.spyOn(console, "log").mockReturnValue(undefined);
  await drawPhotos(join(work, "photos"), 24);
  await drawPhoto(join(work, "dog.jpg"), "dog", 99);
  await writeKerasClassifier(join(work, "model.h5"), { rescales: true });
  writeFileSync(join(work, "names.txt"), "cat\ndog\nfox\n");
  process.chdir(work);
  const { train } = await import("../src/index.js");
  await train("photos");
}, 120_000);

afterAll(() => {
  process.chdir(root);
  vi.restoreAllMocks();
  rmSync(work, { recursive: true, force: true });
});

test("every export has a doc comment, and every exported value an example", () => {
  expect(missing).toEqual([]);
});

test("every example is right in its types", () => {
  const names = files.map(([, file]) => file);
  expect(problems(programOf([entry, ...names], options, library), names)).toEqual([]);
});

describe("every example does what it says", () => {
  test.each(files)("%s", async (_title, file) => {
    await import(/* @vite-ignore */ file);
  });
});
