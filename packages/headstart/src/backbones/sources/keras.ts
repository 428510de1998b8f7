import { HeadstartError } from "../../errors.js";
import { readDescription } from "../description.js";
import { type DownloadOptions, download, type RemoteFile } from "../download/index.js";
import { KERAS_APPLICATIONS } from "../keras/applications/index.js";
import { KERAS } from "./kinds.js";
import type { Located } from "./located.js";
import { packageDescription } from "./package.js";

/** What a choice `keras:NAME` or `keras:NAME:top` means. */
function parse(choice: string) {
  const [name = "", part, ...rest] = choice.slice(KERAS.length).toLowerCase().split(":");
  const application = Object.hasOwn(KERAS_APPLICATIONS, name) ? KERAS_APPLICATIONS[name] : undefined;
  if (application === undefined || (part !== undefined && part !== "top") || rest.length > 0)
    throw new HeadstartError(
      "INVALID_OPTION",
      `There is no Keras network ${choice}.`,
      application === undefined
        ? `There are: ${Object.keys(KERAS_APPLICATIONS).join(", ")}.`
        : `Write ${KERAS}${name}, or ${KERAS}${name}:top for the network with its last layers.`,
    );
  return { name, application, top: part === "top" };
}

/**
 * A Keras architecture with its published weights, which are downloaded once. `keras:NAME` is the network up to its last feature maps,
 * `keras:NAME:top` the whole ImageNet classifier.
 *
 * @throws HeadstartError `INVALID_OPTION` for a name that does not exist, and as {@link download}
 */
export async function locateKeras(choice: string, options: DownloadOptions): Promise<Located> {
  const { name, application, top } = parse(choice);
  const { preprocessing, imageSize, minimumImageSize, licence, source, top1, title } = application;
  return {
    choice: `${KERAS}${name}${top ? ":top" : ""}`,
    name: `${KERAS}${name}`,
    file: await download(remoteFile(choice), options),
    application: { name, top },
    preprocessing,
    preparation: `as Keras prepares them for ${title}`,
    imageSize,
    minimumImageSize,
    licence,
    source,
    top1,
    classes: top ? await imagenetClasses() : undefined,
  };
}

/** The classes of ImageNet, in the order that all networks trained on it have. */
async function imagenetClasses(): Promise<readonly string[] | undefined> {
  return (await readDescription(packageDescription("efficientnet-lite0"))).classes;
}

/** The file of published weights that a choice stands for. */
export function remoteFile(choice: string): RemoteFile {
  const { application, top } = parse(choice);
  return top ? application.weights.top : application.weights.noTop;
}
