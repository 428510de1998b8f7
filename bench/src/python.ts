import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/**
 * Runs a script of peers/ in the Python that `PYTHON` names, `python3` by default.
 *
 * @param script - its file's name
 * @param interpreter - another Python
 * @returns what it printed on standard output
 * @throws if it ends with another code than 0, with what it printed on standard error
 */
export async function python(
  script: string,
  args: readonly string[],
  interpreter = process.env.PYTHON ?? "python3",
): Promise<string> {
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(interpreter, [path, ...args], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
  });
  return stdout;
}
