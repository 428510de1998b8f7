import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { HeadstartError } from "../../errors.js";
import { readIfThere, storageError } from "../../files.js";
import { parsedJson, readDescription } from "../description.js";
import { writtenClasses, writtenPreparation } from "../written.js";
import type { Located } from "./located.js";

/**
 * A network's file on this machine, with what stands beside it: our own description `NAME.json`, or the `preprocessor_config.json` and
 * `config.json` of a copy from the hub.
 *
 * @throws HeadstartError `NOT_FOUND` if there is no such file, `INVALID_MODEL` if what stands beside it is wrong
 */
export async function locateFile(choice: string): Promise<Located> {
  const file = resolve(choice);
  const found = await stat(file).catch((error: unknown) => {
    throw storageError(error, choice);
  });
  if (!found.isFile()) throw new HeadstartError("NOT_FOUND", `${choice} is not a file.`, "Check the path.");
  const name = basename(file, extname(file));
  const path = join(dirname(file), `${name}.json`);
  if ((await readIfThere(path)) === undefined)
    return { choice: file, name, file, ...(await writtenBeside(file)) };
  const { file: described, ...facts } = await readDescription(path);
  if (described !== basename(file))
    throw new HeadstartError(
      "INVALID_MODEL",
      `${path} describes ${described}, not ${basename(file)}.`,
      "Correct its field file.",
    );
  return { ...facts, choice: file, file, preparation: `as ${basename(path)} says` };
}

/** What the configuration files of a folder as the hub has it say about a network's file. */
export async function writtenBeside(
  file: string,
): Promise<Pick<Located, "preprocessing" | "preparation" | "imageSize" | "classes">> {
  const folders = [dirname(file)];
  if (basename(dirname(file)) === "onnx") folders.push(dirname(dirname(file)));
  const [preprocessor, config] = await Promise.all(
    ["preprocessor_config.json", "config.json"].map((name) => firstJson(folders, name)),
  );
  return { ...writtenPreparation({ preprocessor, config }), classes: writtenClasses(config) };
}

async function firstJson(folders: readonly string[], name: string): Promise<unknown> {
  for (const folder of folders) {
    const path = join(folder, name);
    const content = await readIfThere(path);
    if (content !== undefined) return parsedJson(content.toString(), path);
  }
  return undefined;
}
