import { readFile } from "node:fs/promises";
import { parsedJson } from "../description.js";
import { type DownloadOptions, downloadHub, hubFolder, parseHubName } from "../download/index.js";
import { writtenClasses, writtenPreparation } from "../written.js";
import { HUB } from "./kinds.js";
import type { Located } from "./located.js";

/**
 * An ONNX image classifier on the Hugging Face hub, downloaded once, with what its configuration files say.
 *
 * @param choice - `hf:OWNER/NAME[@REVISION][:PATH]`
 * @throws HeadstartError as `downloadHub`
 */
export async function locateHub(choice: string, options: DownloadOptions): Promise<Located> {
  const { repository, commit, onnx, files } = await downloadHub(choice, options);
  const { path } = parseHubName(choice);
  const [preprocessor, config] = await Promise.all(
    ["preprocessor_config.json", "config.json"].map(async (name) => {
      const file = files[name];
      return file === undefined ? undefined : parsedJson(await readFile(file, "utf8"), file);
    }),
  );
  return {
    choice: `${HUB}${repository}@${commit}${path === undefined ? "" : `:${path}`}`,
    name: `${HUB}${repository}`,
    file: onnx,
    source: `huggingface.co/${repository}`,
    ...writtenPreparation({ preprocessor, config }),
    classes: writtenClasses(config),
  };
}

/** Where the downloads of a choice are kept. */
export function hubPath(choice: string): string {
  return hubFolder(parseHubName(choice).repository);
}
