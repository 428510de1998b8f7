import { basename, extname } from "node:path";
import { type DownloadOptions, download, remoteFileOf } from "../download/index.js";
import type { Located } from "./located.js";

/**
 * A network's file on a web server, downloaded once.
 *
 * @throws HeadstartError as {@link download}
 */
export async function locateUrl(choice: string, options: DownloadOptions): Promise<Located> {
  const file = await download(remoteFileOf(choice), options);
  return {
    choice,
    name: basename(file, extname(file)),
    file,
    source: choice,
    preparation: "an address says nothing about it",
  };
}
