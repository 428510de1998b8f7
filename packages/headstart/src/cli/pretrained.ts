import { Option } from "commander";
import type { ClassifierOptions } from "../model/index.js";
import { wholeNumber } from "./numbers.js";
import { type NetworkArguments, type RuntimeChoices, wholeNetworkOptions } from "./options.js";

/** What the options of a command are parsed to that takes any classifier. */
export interface PretrainedArguments extends RuntimeChoices, NetworkArguments {
  readonly classes?: string;
  readonly imageSize?: number;
}

/** Options for a pretrained classifier that Headstart did not train. */
export function pretrainedOptions(): Option[] {
  return [
    new Option(
      "--classes <file>",
      "names of the classes of a network that Headstart did not train: one a line, or a JSON list",
    ),
    new Option("--image-size <n>", "its image size (default: the network's own, or 224)").argParser(
      wholeNumber(8, 4096),
    ),
    ...wholeNetworkOptions(),
  ];
}

/** How the library loads the classifier, but for what is told of downloads. */
export async function classifierOptions(
  { classes, ...choices }: PretrainedArguments,
  signal: AbortSignal,
): Promise<Omit<ClassifierOptions, "onProgress">> {
  const names =
    classes === undefined ? undefined : await (await import("../model/index.js")).readClassNames(classes);
  return { ...choices, ...(names !== undefined && { classes: names }), signal };
}
