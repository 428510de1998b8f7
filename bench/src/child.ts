import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a process came to. */
export interface Ended {
  readonly milliseconds: number;
  /** The most memory that it had at once, in bytes. */
  readonly peakBytes: number;
}

const CLI = fileURLToPath(new URL("../../packages/headstart/bin/headstart.js", import.meta.url));

/**
 * Runs the command line in a process of its own.
 *
 * @param args - what is typed after `headstart`
 * @param env - environment variables that are added
 * @throws if it ends with another code than 0, with what it printed
 */
export async function headstart(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const note = join(tmpdir(), `headstart-bench-peak-${process.pid}-${Math.random()}`);
  const atExit = `import { writeFileSync } from "node:fs";
    process.on("exit", () => writeFileSync(process.env.BENCH_PEAK, String(process.resourceUsage().maxRSS)));`;
  const start = performance.now();
  const child = spawn(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(atExit)}`, CLI, ...args],
    { env: { ...process.env, ...env, BENCH_PEAK: note }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const milliseconds = performance.now() - start;
  if (code !== 0) throw new Error(`headstart ${args.join(" ")} ended with ${code}:\n${output}`);
  const peakBytes = Number(await readFile(note, "utf8")) * 1024;
  await rm(note);
  return { milliseconds, peakBytes };
}
