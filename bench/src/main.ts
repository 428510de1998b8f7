import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Result, report } from "./measure.js";

/** One file of benchmarks/. */
interface Benchmark {
  /** What it measures, against what; one line. */
  readonly summary: string;
  /** Runs it; arguments are those after its name, without `--json`. */
  run(args: readonly string[]): Promise<Result>;
}

const folder = join(import.meta.dirname, "benchmarks");
const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith(".js"))
      .map((file) => basename(file, ".js"))
      .sort()
  : [];

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv.filter((argument) => argument !== "--json");
  if (name !== undefined && names.includes(name)) {
    const benchmark = await load(name);
    report(await benchmark.run(args), argv.includes("--json"));
    return 0;
  }
  const list = await Promise.all(
    names.map(async (each) => `  ${each.padEnd(12)}${(await load(each)).summary}\n`),
  );
  const usage = `Usage: npm run bench -- NAME [--json]\n\n${list.join("")}`;
  if (name === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  process.stderr.write(`There is no benchmark ${name}.\n${usage}`);
  return 2;
}

function load(name: string): Promise<Benchmark> {
  return import(pathToFileURL(join(folder, `${name}.js`)).href);
}

process.exitCode = await main(process.argv.slice(2));
