import { HeadstartError } from "../errors.js";
import { type Stage, stageSchema } from "./recipe.js";
import { issueSentences } from "./recipe-sentences.js";

/**
 * Reads stages as the command line takes them: epochs, `@`, image size; several separated by commas.
 *
 * @throws HeadstartError `INVALID_OPTION` if that is not what it says, or a number is out of range
 *
 * @example
 * parseStages("5@224,15@299") // => [{ epochs: 5, imageSize: 224 }, { epochs: 15, imageSize: 299 }]
 */
export function parseStages(text: string): Stage[] {
  return text.split(",").map((part) => {
    const [, epochs, imageSize] = /^\s*(\d+)\s*@\s*(\d+)\s*$/.exec(part) ?? [];
    const stage = stageSchema.safeParse(
      { epochs: Number(epochs), imageSize: Number(imageSize) },
      { reportInput: true },
    );
    if (stage.success) return stage.data;
    const [wrong = ""] = stage.error.issues.flatMap((issue) => issueSentences(issue));
    throw new HeadstartError(
      "INVALID_OPTION",
      epochs === undefined
        ? `"${part}" is not a stage.`
        : `The stage "${part.trim()}" is out of range: its ${wrong}.`,
      "Write epochs@size, several separated by commas, such as 5@224,15@299.",
    );
  });
}

/** Stages as {@link parseStages} reads them. */
export function formatStages(stages: readonly Stage[]): string {
  return stages.map(({ epochs, imageSize }) => `${epochs}@${imageSize}`).join(",");
}
