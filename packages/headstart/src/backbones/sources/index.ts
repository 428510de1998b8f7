import { HeadstartError } from "../../errors.js";
import type { DownloadOptions } from "../download/index.js";
import { HUB, KERAS, kindOf, PACKAGES } from "./kinds.js";
import type { Located } from "./located.js";

export { isNamed } from "./kinds.js";
export type { Located } from "./located.js";

// Each kind is loaded when it is asked for: a program that needs no network starts sooner without the client for it.

/**
 * Finds the file of a network, and fetches it where it is elsewhere.
 *
 * @param choice - a name, `keras:NAME`, `hf:OWNER/NAME`, an address, or a path
 * @throws HeadstartError `INVALID_OPTION` for a choice that is none of these, and as the kind of choice has it
 */
export async function locate(choice: string, { name = choice, ...how }: DownloadOptions): Promise<Located> {
  const options = { name, ...how };
  switch (kindOf(choice)) {
    case "package":
      return await (await import("./package.js")).locatePackage(choice);
    case "keras":
      return await (await import("./keras.js")).locateKeras(choice, options);
    case "hub":
      return await (await import("./hub.js")).locateHub(choice, options);
    case "url":
      return await (await import("./url.js")).locateUrl(choice, options);
    case "file":
      return await (await import("./file.js")).locateFile(choice);
    case undefined:
      throw new HeadstartError(
        "INVALID_OPTION",
        `There is no network ${choice}.`,
        `Name ${Object.keys(PACKAGES).join(", ")}, ${KERAS}NAME, ${HUB}OWNER/NAME, an address, or the path of an .onnx, .h5 or .keras file.`,
      );
  }
}

/**
 * Where the download of a choice is kept, in the folder of downloads.
 *
 * @returns undefined for a choice that is not downloaded
 * @throws HeadstartError `INVALID_OPTION` for a name that does not exist
 */
export async function downloadPath(choice: string): Promise<string | undefined> {
  switch (kindOf(choice)) {
    case "keras":
      return (await import("./keras.js")).remoteFile(choice).path;
    case "hub":
      return (await import("./hub.js")).hubPath(choice);
    case "url":
      return (await import("../download/index.js")).remoteFileOf(choice).path;
    default:
      return undefined;
  }
}
