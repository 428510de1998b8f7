import { join } from "node:path";
import { z } from "zod";
import {
  count,
  type Dataset,
  MIN_TRAINING_PHOTOS,
  type Photo,
  type Skipped,
  type Split,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { readIfThere } from "../files.js";
import type { Failures } from "../training/index.js";
import { parseJson, RUN_FILES, writeJson } from "./folder.js";

/** Number of photos in each split. */
export function countSplits(photos: readonly Pick<Photo, "split">[]): Record<Split, number> {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const { split } of photos) counts[split]++;
  return counts;
}

/**
 * The same photos without those that could not be decoded, which join the skipped ones.
 *
 * @throws HeadstartError `INVALID_DATA` if too few are left to train on
 */
export function withoutFailures(dataset: Dataset, failures: Failures): Dataset {
  if (failures.size === 0) return dataset;
  const failed: Skipped[] = [];
  const photos = dataset.photos.filter(({ digest, name }) => {
    const reason = failures.get(digest);
    if (reason !== undefined) failed.push({ name, reason });
    return reason === undefined;
  });
  const trained = countClasses(photos.filter(({ split }) => split === "train"));
  const short = dataset.classes.find((name) => (trained.get(name) ?? 0) < MIN_TRAINING_PHOTOS);
  if (short !== undefined)
    throw new HeadstartError(
      "INVALID_DATA",
      `${count(failed.length, "photo")} cannot be decoded, and without them the class ${short} has too few to train on.`,
      `Every class needs at least ${MIN_TRAINING_PHOTOS} training photos that can be decoded. The first that cannot: ${failed[0]?.name}: ${failed[0]?.reason}`,
    );
  return { ...dataset, photos, skipped: [...dataset.skipped, ...failed] };
}

function countClasses(photos: readonly Photo[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { className } of photos) counts.set(className, (counts.get(className) ?? 0) + 1);
  return counts;
}

/** Photos of one split, with the label of each. */
export function photosOf(
  dataset: Dataset,
  split: Split,
): { readonly photos: readonly Photo[]; readonly labels: readonly number[] } {
  const index = new Map(dataset.classes.map((className, label) => [className, label]));
  const photos = dataset.photos.filter((photo) => photo.split === split);
  return { photos, labels: photos.map(({ className }) => index.get(className) ?? -1) };
}

/** Writes `data.json`: every photo with its class, split and content hash, and what was skipped and why. */
export async function writeData(
  folder: string,
  dataset: Dataset,
  truncated: readonly string[] = [],
): Promise<void> {
  const { root, fingerprint, classes, photos, skipped, warnings } = dataset;
  await writeJson(join(folder, RUN_FILES.data), {
    root,
    fingerprint,
    classes,
    counts: countSplits(photos),
    warnings,
    skipped,
    truncated,
    photos: photos.map(({ name, className, split, digest, bytes }) => ({
      name,
      class: className,
      split,
      sha256: digest,
      bytes,
    })),
  });
}

/** What of `data.json` is read back. */
const dataSchema = z.object({
  fingerprint: z.string(),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/** What `data.json` says; undefined where there is none yet. */
async function readData(folder: string): Promise<z.infer<typeof dataSchema> | undefined> {
  const path = join(folder, RUN_FILES.data);
  const content = await readIfThere(path);
  if (content === undefined) return undefined;
  const parsed = dataSchema.safeParse(parseJson(content.toString()));
  if (parsed.success) return parsed.data;
  throw new HeadstartError("INVALID_RUN", `${path} is damaged.`, "Bring it back, or start a new run.", {
    cause: parsed.error,
  });
}

/** The files that a run did not use, and why. */
export async function readSkipped(folder: string): Promise<readonly Skipped[]> {
  return (await readData(folder))?.skipped ?? [];
}

/**
 * Refuses photos that are not those that a run began with. A run that was interrupted before it had found them takes any.
 *
 * @throws HeadstartError `INVALID_RUN` if they differ, or the run's `data.json` is damaged
 */
export async function checkSameData(folder: string, dataset: Dataset): Promise<void> {
  const data = await readData(folder);
  if (data === undefined || data.fingerprint === dataset.fingerprint) return;
  throw new HeadstartError(
    "INVALID_RUN",
    `The photos in ${dataset.root} are not those that the run ${folder} began with.`,
    "Bring them back to what they were, or start a new run.",
  );
}
