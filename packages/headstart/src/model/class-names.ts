import { readFile } from "node:fs/promises";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { storageError } from "../files.js";

const listSchema = z.array(z.string());

/**
 * Class names from a text file of one name a line, or from a `.json` file that holds a list of them.
 *
 * @throws HeadstartError `NOT_FOUND` or `STORAGE` if it cannot be read, `INVALID_OPTION` if there are no names in it
 *
 * @example
 * import { Classifier, readClassNames } from "headstart";
 * const classes = await readClassNames("names.txt"); // => ["cat", "dog", "fox"]
 * const classifier = await Classifier.load("model.h5", { classes });
 */
export async function readClassNames(path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw storageError(error, path);
  });
  const names = path.toLowerCase().endsWith(".json") ? listed(text) : lines(text);
  if (names !== undefined && names.length > 0) return names;
  throw new HeadstartError(
    "INVALID_OPTION",
    `${path} does not hold the names of classes.`,
    'Write one name a line, or a JSON list such as ["cat", "dog"].',
  );
}

function listed(text: string): readonly string[] | undefined {
  try {
    return listSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function lines(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
