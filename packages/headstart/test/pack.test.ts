import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newFolder } from "./support/temporary.js";
import { problems, programOf } from "./support/typescript.js";

const execute = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const project = newFolder();
const modules = join(project, "node_modules");
const installed = join(modules, "headstart");
const weights = join(modules, "@headstart/efficientnet-lite0");

beforeAll(async () => {
  for (const [folder, target] of [
    ["packages/headstart", installed],
    ["packages/efficientnet-lite0", weights],
  ] as const) {
    const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", project];
    const { stdout } = await execute("npm", pack, { cwd: join(root, folder) });
    const { filename, size } = firstOf(JSON.parse(stdout));
    console.log(`${filename}: ${(size / 1e6).toFixed(2)} MB packed`);
    mkdirSync(target, { recursive: true });
    await execute("tar", ["-xzf", join(project, filename), "-C", target, "--strip-components=1"]);
  }
  // The dependencies are those of the repository, because to fetch them anew takes too long for a test; what only its developers need is
  // left out.
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const ours = ["@types", ...Object.keys(devDependencies)];
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && !name.includes("headstart") && !ours.includes(name))
      symlinkSync(join(root, "node_modules", name), join(modules, name));
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function firstOf(packed: unknown): { readonly filename: string; readonly size: number } {
  const [first] = packed as readonly { readonly filename: string; readonly size: number }[];
  if (first === undefined) throw new Error("npm packed nothing.");
  return first;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
}

test("the command runs from an empty project", async () => {
  const program = join(installed, "bin/headstart.js");
  const run = async (option: string) =>
    (await execute(process.execPath, [program, option], { cwd: project })).stdout;
  const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect((await run("--version")).trim()).toBe(version);
  expect(await run("--help")).toContain("train");
  expect(await run("--help")).toContain("predict");
});

test("the command finds the embedded backbone", async () => {
  const program = join(installed, "bin/headstart.js");
  const { stdout } = await execute(process.execPath, [program, "backbones"], { cwd: project });
  expect(stdout).toContain("efficientnet-lite0");
});

test("the library is typed, for a project in strict TypeScript", () => {
  const file = join(project, "use.mts");
  const lines = [
    'import { train, Classifier } from "headstart";',
    'const run = await train("photos", { recipe: "default", onProgress: console.log });',
    "console.log(run.metrics.test.accuracy);",
    "const classifier = await Classifier.load(run.model);",
    'const best = await classifier.predict("dog.jpg");',
    "export const answer: { className: string; probability: number } | undefined = best;",
    "// @ts-expect-error: there is no such recipe option",
    'await train("photos", { recipes: "default" });',
  ];
  writeFileSync(file, lines.join("\n"));
  const program = programOf([file], { skipLibCheck: false });
  const declarations = program.getSourceFiles().map(({ fileName }) => fileName);
  expect(declarations).toContain(join(installed, "dist/index.d.ts"));
  const own = declarations.filter((name) => name.startsWith(installed));
  expect(problems(program, [file, ...own])).toEqual([]);
});

test("what the description of the embedded backbone names is in its package", () => {
  const description = JSON.parse(readFileSync(join(weights, "backbone.json"), "utf8"));
  expect(filesIn(weights)).toEqual(
    expect.arrayContaining([description.file, description.classes, "LICENSE", "NOTICE", "README.md"]),
  );
});

test("the package holds no tests, and nothing whose source is gone", () => {
  const files = filesIn(installed);
  expect(files).toEqual(
    expect.arrayContaining(["LICENSE", "README.md", "bin/headstart.js", "dist/index.d.ts"]),
  );
  expect(files.filter((name) => /\.test\.|tsbuildinfo|^test\//.test(name))).toEqual([]);
  const sourceOf = (name: string) => name.replace(/^dist/, "src").replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
  expect(files.filter((name) => name.startsWith("dist/") && !files.includes(sourceOf(name)))).toEqual([]);
});

test("every source map leads to a file of the package", () => {
  const maps = filesIn(installed).filter((name) => name.endsWith(".map"));
  const lost = maps.filter((name) => {
    const map = join(installed, name);
    const { sources } = JSON.parse(readFileSync(map, "utf8")) as { readonly sources: readonly string[] };
    return !sources.every((source) => existsSync(join(dirname(map), source)));
  });
  expect(maps.length).toBeGreaterThan(0);
  expect(lost).toEqual([]);
});
