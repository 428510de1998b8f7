import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { HeadstartError } from "../../errors.js";
import { readDescription } from "../description.js";
import { PACKAGES } from "./kinds.js";
import type { Located } from "./located.js";

/**
 * The network of an installed package.
 *
 * @throws HeadstartError `NOT_FOUND` if the package is not installed
 */
export async function locatePackage(choice: string): Promise<Located> {
  const path = packageDescription(choice);
  const { file, ...facts } = await readDescription(path);
  return {
    ...facts,
    choice,
    file: join(dirname(path), file),
    preparation: `as the package ${PACKAGES[choice]} says`,
  };
}

/**
 * Path of the description in a package.
 *
 * @param name - one of {@link PACKAGES}
 * @throws HeadstartError `NOT_FOUND` if the package is not installed
 */
export function packageDescription(name: string): string {
  const packageName = PACKAGES[name] ?? name;
  try {
    return createRequire(import.meta.url).resolve(`${packageName}/backbone.json`);
  } catch (error) {
    throw new HeadstartError(
      "NOT_FOUND",
      `The package ${packageName} is not installed.`,
      `Run: npm install ${packageName}`,
      { cause: error },
    );
  }
}
