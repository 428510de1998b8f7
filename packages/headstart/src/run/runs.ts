import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { compareNames } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { ifThere, storageError } from "../files.js";
import { RUN_FILES, type RunChoices, readChoices } from "./folder.js";
import { readMetrics } from "./metrics.js";

/** What a list of runs says of one. */
export interface ListedRun {
  /** The run's folder, absolute. */
  readonly folder: string;
  readonly name: string;
  readonly recipe: string;
  readonly backbone: string;
  /** What trains: `head`, `last-stage`, `all` or the beginning of a layer's name. */
  readonly fineTune: string;
  readonly seed: number;
  readonly isFinished: boolean;
  /** What was measured; null where the run is not finished. */
  readonly validation: RunFigures | null;
  readonly test: RunFigures | null;
  /** The model's size; null where there is none yet. */
  readonly bytes: number | null;
}

/** What was measured on a split; null for every figure of one without photos. */
export interface RunFigures {
  readonly photos: number;
  readonly accuracy: number | null;
  readonly accuracyInterval: readonly [number, number] | null;
  readonly loss: number | null;
}

/** What a list of runs is sorted by; see {@link listRuns}. */
export type RunOrder = "name" | "accuracy" | "validation" | "loss" | "size";

/**
 * Lists the runs in a folder. Folders that are no runs, and runs whose choices cannot be read, are left out.
 *
 * @param out - the folder that runs stand in; by default `runs`
 * @param sort - `name`, numbers by their value; `accuracy`, of the test photos, or of the validation photos where there are none, the
 *   highest first; `validation`, the accuracy of the validation photos; `loss`, as accuracy, the lowest first; `size`, the smallest model
 *   first. Runs that have no such figure come last. Default: `name`
 * @throws HeadstartError `NOT_FOUND` if there is no such folder
 *
 * @example
 * import { listRuns } from "headstart";
 * const [best] = await listRuns("runs", "accuracy");
 * console.log(best?.name, best?.test?.accuracy);
 */
export async function listRuns(out = "runs", sort: RunOrder = "name"): Promise<ListedRun[]> {
  const parent = resolve(out);
  const entries = await readdir(parent).catch((error: unknown) => {
    throw storageError(error, parent);
  });
  const runs: ListedRun[] = [];
  for (const name of entries) {
    const folder = join(parent, name);
    const choices = await readChoices(folder).catch((error: unknown) => {
      if (error instanceof HeadstartError) return undefined;
      throw error;
    });
    if (choices !== undefined) runs.push(await listed(folder, name, choices));
  }
  return runs.sort((a, b) => compareRuns(a, b, sort));
}

async function listed(
  folder: string,
  name: string,
  { recipe, backbone, seed }: RunChoices,
): Promise<ListedRun> {
  const metrics = await readMetrics(folder);
  const model = await ifThere(stat(join(folder, RUN_FILES.model)));
  const figures = (split: "validation" | "test"): RunFigures | null => {
    if (metrics === undefined) return null;
    const { photos, accuracy, accuracyInterval, loss } = metrics[split];
    return { photos, accuracy, accuracyInterval, loss };
  };
  return {
    folder,
    name,
    recipe: recipe.name,
    backbone,
    fineTune: recipe.fineTune,
    seed,
    isFinished: metrics !== undefined && model !== undefined,
    validation: figures("validation"),
    test: figures("test"),
    bytes: model?.size ?? null,
  };
}

/** The smaller number comes first, and none comes last. */
function compareRuns(a: ListedRun, b: ListedRun, sort: RunOrder): number {
  const [x, y] = [orderOf(a, sort), orderOf(b, sort)];
  if (x !== y) return x < y ? -1 : 1;
  const numbers = [a, b].map(({ name }) =>
    /^\d{1,9}$/.test(name) ? Number(name) : Number.POSITIVE_INFINITY,
  );
  const [first = 0, second = 0] = numbers;
  return first === second ? compareNames(a.name, b.name) : first - second;
}

function orderOf({ test, validation, bytes }: ListedRun, sort: RunOrder): number {
  const last = Number.POSITIVE_INFINITY;
  switch (sort) {
    case "name":
      return 0;
    case "accuracy":
      return -(test?.accuracy ?? validation?.accuracy ?? -last);
    case "validation":
      return -(validation?.accuracy ?? -last);
    case "loss":
      return test?.loss ?? validation?.loss ?? last;
    case "size":
      return bytes ?? last;
  }
}
