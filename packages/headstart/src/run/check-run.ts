import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { loadBackbone } from "../backbones/index.js";
import { FINDING_KINDS, type Finding } from "../data/index.js";
import { ifThere, readIfThere } from "../files.js";
import { type Check, type CheckOptions, checkBy } from "./check.js";
import { asByDefault, type CheckNetwork } from "./check-inputs.js";
import { parseJson, RUN_FILES, readChoices, writeJson } from "./folder.js";

/**
 * Checks the photos of a run, in the splits that it has them in, and keeps what was found in its `check.json`. Where that stands, it is what is
 * returned.
 *
 * @param run - the run's folder
 * @param options - how to end it early, and how it tells how far it has got
 * @param network - what photos are compared by, such as the network whose features are stored already; by default the embedded one
 * @returns what was found; undefined where the photos are gone and were not checked before
 * @throws HeadstartError `NOT_FOUND` if there is no such run, `INVALID_RUN` if it is damaged; as `checkPhotos`
 */
export async function checkRun(
  run: string,
  options: Pick<CheckOptions, "signal" | "onProgress"> = {},
  network?: CheckNetwork,
): Promise<Check | undefined> {
  const folder = resolve(run);
  const { photos, seed, split, threads, device } = await readChoices(folder);
  const known = await readCheck(folder);
  if (known !== undefined) return known;
  if ((await ifThere(stat(photos))) === undefined) return undefined;
  const by = network ?? asByDefault(await loadBackbone());
  const check = await checkBy(by, photos, { seed, split, threads, device, ...options });
  await writeJson(join(folder, RUN_FILES.check), check);
  return check;
}

/** What was found before; undefined where nothing was, or it cannot be read. */
async function readCheck(folder: string): Promise<Check | undefined> {
  const content = await readIfThere(join(folder, RUN_FILES.check));
  const parsed = checkSchema.safeParse(content === undefined ? undefined : parseJson(content.toString()));
  return parsed.success ? parsed.data : undefined;
}

const photoSchema = z.object({
  name: z.string(),
  className: z.string().exactOptional(),
  side: z.enum(["train", "validation", "test", "against"]).exactOptional(),
});
const findingSchema: z.ZodType<Finding> = z.object({
  kind: z.enum(FINDING_KINDS),
  severity: z.enum(["error", "warning", "note"]),
  confidence: z.number(),
  photos: z.array(photoSchema),
  sentence: z.string(),
  advice: z.string(),
  details: z.record(z.string(), z.union([z.number(), z.string()])),
  movable: z.array(z.string()),
});
const checkSchema: z.ZodType<Check> = z.object({
  root: z.string(),
  classes: z.array(z.string()),
  photos: z.int(),
  findings: z.array(findingSchema),
  leaked: z.array(photoSchema),
});
