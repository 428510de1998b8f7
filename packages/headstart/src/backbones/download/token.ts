import { homedir } from "node:os";
import { join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { type Environment, readIfThere } from "../../files.js";

/**
 * The user's token for the Hugging Face hub: `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, or the file that the hub's own tools leave (`token` in
 * `HF_HOME`, by default `huggingface` in `XDG_CACHE_HOME` or `~/.cache`).
 *
 * @returns undefined where there is none
 * @throws HeadstartError `INVALID_OPTION` for a token with other characters than a header can hold; `STORAGE` if the file may not be read
 */
export async function hubToken(env: Environment): Promise<string | undefined> {
  const [source, text] = fromEnvironment(env) ?? (await fromFile(env));
  const token = text.trim();
  if (token === "") return undefined;
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new HeadstartError(
      "INVALID_OPTION",
      `The token in ${source} holds characters that no token has.`,
      "Copy it again from the settings of your account on the hub.",
    );
  return token;
}

function fromEnvironment(env: Environment): readonly [string, string] | undefined {
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const value = env[name];
    if (value) return [name, value];
  }
  return undefined;
}

async function fromFile(env: Environment): Promise<readonly [string, string]> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  const path = join(home, "token");
  return [path, (await readIfThere(path))?.toString("utf8") ?? ""];
}
