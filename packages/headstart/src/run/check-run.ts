import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ifThere } from "../files.js";
import { type Check, type CheckOptions, checkPhotos } from "./check.js";
import { readChoices } from "./folder.js";

/**
 * Checks the photos of a run, as `checkPhotos` does. Features that training computed are not computed again.
 *
 * @param run - the run's folder
 * @param options - how to end it early, and how it tells how far it has got
 * @returns what was found; undefined where the photos are gone
 * @throws HeadstartError `NOT_FOUND` if there is no such run, `INVALID_RUN` if it is damaged; as `checkPhotos`
 */
export async function checkRun(
  run: string,
  options: Pick<CheckOptions, "signal" | "onProgress"> = {},
): Promise<Check | undefined> {
  const { photos, threads, device } = await readChoices(resolve(run));
  const isThere = (await ifThere(stat(photos))) !== undefined;
  return isThere ? await checkPhotos(photos, { threads, device, ...options }) : undefined;
}
