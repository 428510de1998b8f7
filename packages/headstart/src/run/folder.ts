import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { errorCode, storageError, writeAtomically } from "../files.js";
import { type Recipe, recipeSchema } from "../training/index.js";

/** Everything that was chosen for a run: what stands in its `recipe.json`. */
export interface RunChoices {
  /** Version of Headstart that began it. */
  readonly version: string;
  /** The folder or manifest of photos, absolute. */
  readonly photos: string;
  readonly recipe: Recipe;
  /** A backbone's name, or the absolute path of its file. */
  readonly backbone: string;
  /** SHA-256 of the backbone's file. */
  readonly backboneSha256: string;
  readonly seed: number;
  /** Fractions of photos to train on, to validate with and to test with, where no folders say so. */
  readonly split: readonly [number, number, number];
  readonly device: "cpu" | "webgpu" | "cuda";
  readonly threads: number;
}

const choicesSchema: z.ZodType<RunChoices> = z.object({
  version: z.string(),
  photos: z.string(),
  recipe: recipeSchema,
  backbone: z.string(),
  backboneSha256: z.string(),
  seed: z.int(),
  split: z.tuple([z.number(), z.number(), z.number()]),
  device: z.enum(["cpu", "webgpu", "cuda"]),
  threads: z.int().positive(),
});

/** Names of the files in a run folder. */
export const RUN_FILES = {
  recipe: "recipe.json",
  data: "data.json",
  results: "results.csv",
  metrics: "metrics.json",
  model: "model.onnx",
  curves: "curves.png",
  confusion: "confusion.png",
  grid: "grid.png",
  log: "log.txt",
  checkpoint: "checkpoint.safetensors",
} as const;

/**
 * Makes the folder of a new run.
 *
 * @param out - the folder that runs stand in; made where it is missing
 * @param name - the run's name; by default the next number
 * @returns the run's folder, absolute
 * @throws HeadstartError `INVALID_OPTION` if there is a run of that name, or the name leads out of the folder
 */
export async function createRunFolder(out: string, name: string | undefined): Promise<string> {
  const parent = resolve(out);
  await inStorage(parent, () => mkdir(parent, { recursive: true }));
  if (name !== undefined) {
    if (!/^[^/\\]+$/.test(name) || name === "." || name === "..")
      throw new HeadstartError(
        "INVALID_OPTION",
        `"${name}" is no name for a run.`,
        "Use a name without slashes.",
      );
    const folder = join(parent, name);
    if (!(await makeFolder(folder)))
      throw new HeadstartError(
        "INVALID_OPTION",
        `There is a run ${folder} already.`,
        "Choose another --name, go on with it by --resume, or delete the folder.",
      );
    return folder;
  }
  const numbers = (await readdir(parent)).filter((entry) => /^\d{1,9}$/.test(entry)).map(Number);
  for (let number = Math.max(0, ...numbers) + 1; ; number++) {
    const folder = join(parent, String(number));
    if (await makeFolder(folder)) return folder;
  }
}

/** Whether the folder was made; false where it is there already. */
async function makeFolder(folder: string): Promise<boolean> {
  return await inStorage(folder, async () => {
    try {
      await mkdir(folder);
      return true;
    } catch (error) {
      if (errorCode(error) === "EEXIST") return false;
      throw error;
    }
  });
}

/** Writes what was chosen. */
export async function writeChoices(folder: string, choices: RunChoices): Promise<void> {
  await writeJson(join(folder, RUN_FILES.recipe), choices);
}

/**
 * Reads what was chosen for a run.
 *
 * @throws HeadstartError `INVALID_RUN` if the folder is no run, or its `recipe.json` is damaged
 */
export async function readChoices(folder: string): Promise<RunChoices> {
  const path = join(folder, RUN_FILES.recipe);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory())
    throw new HeadstartError(
      "NOT_FOUND",
      `There is no run ${folder}.`,
      "A run is its folder, such as runs/1.",
    );
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new HeadstartError("INVALID_RUN", `${folder} is not a run: it has no ${RUN_FILES.recipe}.`, "", {
      cause: error,
    });
  });
  const parsed = choicesSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new HeadstartError("INVALID_RUN", `${path} is damaged: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Writes a value as JSON, whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(value, null, 1)}\n`);
}

/** A JSON text as a value; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function inStorage<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw storageError(error, path);
  }
}
