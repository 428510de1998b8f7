import { mkdir, readdir, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { type NetworkChoices, networkChoicesSchema } from "../backbones/index.js";
import { HeadstartError } from "../errors.js";
import { errorCode, readIfThere, storageError, TEMPORARY_SUFFIX, writeAtomically } from "../files.js";
import { type Recipe, recipeSchema } from "../training/index.js";

/** What the frozen part is asked to compute in: `auto` is int8 where that is faster and costs no accuracy. */
export type Precision = "auto" | "float" | "int8";

/** Everything that was chosen for a run: what stands in its `recipe.json`. */
export interface RunChoices {
  /** Version of Headstart that began it. */
  readonly version: string;
  /** The folder or manifest of photos, absolute. */
  readonly photos: string;
  readonly recipe: Recipe;
  /** The choice that leads to the backbone: a name, an address with its revision, or the absolute path of its file. */
  readonly backbone: string;
  /** What the user said of the backbone where its files do not. */
  readonly network: NetworkChoices;
  /** SHA-256 of the backbone's file. */
  readonly backboneSha256: string;
  /** What the frozen part computes in; `auto` decides by trying. */
  readonly precision: Precision;
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
  network: networkChoicesSchema,
  backboneSha256: z.string(),
  precision: z.enum(["auto", "float", "int8"]),
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
  steps: "steps.csv",
  answers: "answers.csv",
  answerCurves: "answer-curves.json",
  metrics: "metrics.json",
  model: "model.onnx",
  curves: "curves.png",
  confusion: "confusion.png",
  grid: "grid.png",
  check: "check.json",
  report: "report.html",
  card: "README.md",
  log: "log.txt",
  precision: "precision.json",
  int8: "int8.onnx",
  checkpoint: "checkpoint.safetensors",
} as const;

/** A folder made for a new run. */
export interface RunFolder {
  /** Absolute. */
  readonly folder: string;
  /** Takes the folder away again, and those above it that were made for it, for a run that cannot begin. */
  readonly discard: () => Promise<void>;
}

/**
 * Makes the folder of a new run.
 *
 * @param out - the folder that runs stand in; made where it is missing
 * @param name - the run's name; by default the next number
 * @throws HeadstartError `INVALID_OPTION` if there is a run of that name, the name leads out of the folder, or `out` is a file; `STORAGE`
 *   if the disk refuses
 */
export async function createRunFolder(out: string, name: string | undefined): Promise<RunFolder> {
  const parent = resolve(out);
  if (name !== undefined && (!/^[^/\\\p{Cc}]+$/u.test(name) || name === "." || name === ".."))
    throw new HeadstartError(
      "INVALID_OPTION",
      `"${name}" is no name for a run.`,
      "Use a name without slashes.",
    );
  const made = await makeParent(parent);
  const folder = name === undefined ? await makeNumbered(parent) : join(parent, name);
  if (name !== undefined && !(await makeFolder(folder)))
    throw new HeadstartError(
      "INVALID_OPTION",
      `There is a run ${folder} already.`,
      "Choose another --name, go on with it by --resume, or delete the folder.",
    );
  const discard = async () => {
    try {
      await rm(folder, { recursive: true, force: true });
      if (made === undefined) return;
      for (let empty = parent; empty.length >= made.length; empty = dirname(empty)) await rmdir(empty);
    } catch {
      // What cannot be taken away stays; why the run cannot begin matters more.
    }
  };
  return { folder, discard };
}

/** Makes the folder that runs stand in, and returns the first of its folders that was missing. */
async function makeParent(parent: string): Promise<string | undefined> {
  try {
    return await mkdir(parent, { recursive: true });
  } catch (error) {
    const code = errorCode(error);
    if (code !== "EEXIST" && code !== "ENOTDIR") throw storageError(error, parent);
    throw new HeadstartError("INVALID_OPTION", `${parent} is not a folder.`, "Choose another --out.", {
      cause: error,
    });
  }
}

async function makeNumbered(parent: string): Promise<string> {
  const entries = await inStorage(parent, () => readdir(parent));
  const numbers = entries.filter((entry) => /^\d{1,9}$/.test(entry)).map(Number);
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
 * @throws HeadstartError `NOT_FOUND` if there is no such folder, `INVALID_RUN` if it is no run or its `recipe.json` is damaged
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
  const content = await readIfThere(path);
  if (content === undefined)
    throw new HeadstartError(
      "INVALID_RUN",
      `${folder} is not a run: it has no ${RUN_FILES.recipe}.`,
      "A run is its folder, such as runs/1.",
    );
  const parsed = choicesSchema.safeParse(parseJson(content.toString()));
  if (!parsed.success)
    throw new HeadstartError("INVALID_RUN", `${path} is damaged.`, "Bring it back, or start a new run.", {
      cause: parsed.error,
    });
  return parsed.data;
}

/** Removes what a process that was killed has left half-written. */
export async function removeHalfWritten(folder: string): Promise<void> {
  await inStorage(folder, async () => {
    for (const name of await readdir(folder))
      if (name.endsWith(TEMPORARY_SUFFIX)) await rm(join(folder, name), { force: true });
  });
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
