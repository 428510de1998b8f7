// Checks that the folders of packages/headstart/src import only from those above them, and prints a line for each offence.
// Usage: node scripts/check-layout.js [SRC]
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The folders, from the bottom up: each may import from those before it, and from the files at the root. */
export const FOLDERS = [
  "onnx",
  "autodiff",
  "runtime",
  "backbones",
  "data",
  "training",
  "evaluation",
  "explain",
  "model",
  "report",
  "run",
  "serve",
  "cluster",
  "cli",
];

/** These run in a browser as they are. */
const PURE = ["onnx", "autodiff"];

/**
 * Every offence against the layout, a sentence each.
 *
 * @param {string} source - the folder `src`
 */
export function offences(source) {
  const root = resolve(source);
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .flatMap((file) => fileOffences(root, file));
}

/**
 * @param {string} root
 * @param {string} file - relative to the root
 */
function fileOffences(root, file) {
  const folder = topFolder(file);
  if (folder !== "" && !FOLDERS.includes(folder))
    return [`${file}: the folder ${folder} is not in the layout`];
  if (isTest(file)) return [];
  const text = readFileSync(join(root, file), "utf8");
  return ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName, pos }) => {
    const reason = fileName.startsWith(".")
      ? relativeOffence(relative(root, resolve(root, dirname(file), fileName)), folder, file)
      : packageOffence(fileName, folder);
    const line = text.slice(0, pos).split("\n").length;
    return reason === undefined ? [] : [`${file}:${line}: ${reason}`];
  });
}

/**
 * @param {string} target - what is imported, relative to the root
 * @param {string} folder - the folder that imports it
 * @param {string} file - the file that imports it
 */
function relativeOffence(target, folder, file) {
  const other = topFolder(target);
  if (other === "..") return `imports ${target}, which is outside src`;
  if (isTest(target)) return `imports the test ${target}`;
  if (other === "" || other === folder || file === "index.ts") return undefined;
  if (folder === "") return `a file at the root imports the folder ${other}`;
  if (!FOLDERS.includes(other)) return `imports the folder ${other}, which is not in the layout`;
  return FOLDERS.indexOf(other) < FOLDERS.indexOf(folder)
    ? undefined
    : `${folder} imports ${other}, which is not above it`;
}

/**
 * @param {string} name - of the package
 * @param {string} folder - the folder that imports it
 */
function packageOffence(name, folder) {
  if (PURE.includes(folder) && name.startsWith("node:")) return `${folder} is pure, and imports ${name}`;
  if (name.startsWith("onnxruntime") && folder !== "runtime")
    return `${folder || "the root"} imports ${name}: only runtime may`;
  return undefined;
}

/** @param {string} path */
function topFolder(path) {
  const parts = path.split(sep);
  return parts.length > 1 || parts[0] === ".." ? (parts[0] ?? "") : "";
}

/** @param {string} path */
function isTest(path) {
  return /\.test\.[jt]s$/.test(path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const source = process.argv[2] ?? fileURLToPath(new URL("../packages/headstart/src", import.meta.url));
  const found = offences(source);
  for (const offence of found) console.error(offence);
  console.log(found.length === 0 ? "The layout holds." : `${found.length} offences against the layout.`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
