import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Path of a file or folder in the shared folder beside the repository (golden data, trial photos), or undefined where it is absent. */
export function shared(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../../../shared/${name}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
