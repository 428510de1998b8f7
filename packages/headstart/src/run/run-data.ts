import { join } from "node:path";
import { z } from "zod";
import type { Skipped, Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { readIfThere } from "../files.js";
import { parseJson, RUN_FILES } from "./folder.js";

/** A photo of a run, as its `data.json` names it. */
export interface RunPhoto {
  /** Its path relative to the root. */
  readonly name: string;
  readonly class: string;
  readonly split: Split;
  /** Of the file's content. */
  readonly sha256: string;
}

/** The data set of a run, as its `data.json` tells. */
export interface RunData {
  /** The folder that names are relative to. */
  readonly root: string;
  readonly fingerprint: string;
  /** In the order of the model's outputs. */
  readonly classes: readonly string[];
  readonly warnings: readonly string[];
  readonly skipped: readonly Skipped[];
  /** Names of the photos that were cut off or damaged. */
  readonly truncated: readonly string[];
  readonly photos: readonly RunPhoto[];
}

const runDataSchema: z.ZodType<RunData> = z.object({
  root: z.string(),
  fingerprint: z.string(),
  classes: z.array(z.string()),
  warnings: z.array(z.string()),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  truncated: z.array(z.string()).default([]),
  photos: z.array(
    z.object({
      name: z.string(),
      class: z.string(),
      split: z.enum(["train", "validation", "test"]),
      sha256: z.string(),
    }),
  ),
});

/**
 * Reads what a run was trained on.
 *
 * @throws HeadstartError `INVALID_RUN` if `data.json` is missing or damaged
 */
export async function readRunData(folder: string): Promise<RunData> {
  const path = join(folder, RUN_FILES.data);
  const content = await readIfThere(path);
  const parsed = runDataSchema.safeParse(parseJson(content?.toString() ?? ""));
  if (parsed.success) return parsed.data;
  throw new HeadstartError(
    "INVALID_RUN",
    content === undefined ? `The run ${folder} has no ${RUN_FILES.data}.` : `${path} is damaged.`,
    "Go on with the run by headstart train --resume, or start a new one.",
    { cause: parsed.error },
  );
}
