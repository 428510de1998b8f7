// The demo: trains on demo/photos, then predicts the ten photos of demo/own and draws them with the answers.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const cwd = fileURLToPath(new URL("..", import.meta.url));
const program = fileURLToPath(new URL("../packages/headstart/bin/headstart.js", import.meta.url));
const run = "runs/demo";
const grid = `${run}/own.png`;
const start = performance.now();

rmSync(new URL(`../${run}`, import.meta.url), { recursive: true, force: true });
headstart("train", "demo/photos", "--name", "demo");
headstart("predict", run, "demo/own", "--grid", grid);
console.log(
  `\nThe demo took ${((performance.now() - start) / 1000).toFixed(1)} s. Your own photos, with the answers: ${grid}`,
);

/** @param {string[]} args */
function headstart(...args) {
  console.log(`\n$ headstart ${args.join(" ")}`);
  const { status, signal } = spawnSync(process.execPath, [program, ...args], { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(signal === "SIGINT" ? 130 : (status ?? 1));
}
