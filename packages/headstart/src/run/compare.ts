import { basename } from "node:path";
import type { Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { type McNemar, mcnemar } from "../evaluation/index.js";
import type { PhotoAnswer } from "./answers.js";
import { readFinishedRun } from "./finished-run.js";
import type { MeasuredSplit } from "./metrics.js";

/** A run as it is compared. */
export interface ComparedRun {
  /** The run's folder, as it was given. */
  readonly run: string;
  /** The folder's name. */
  readonly name: string;
  /** What was measured on each split. */
  readonly metrics: Readonly<Record<Split, MeasuredSplit>>;
}

/** Something that was not chosen alike. */
export interface ChoiceDifference {
  /** Where it stands, such as `recipe.optimiser.learningRate`. */
  readonly choice: string;
  /** What each run has, in the runs' order; undefined where a run has no such choice. */
  readonly values: readonly unknown[];
}

/** Two runs on the same photos. */
export interface PairOfRuns extends McNemar {
  /** Indices of the two runs. */
  readonly first: number;
  readonly second: number;
}

/** What {@link compareRuns} finds. */
export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** What was chosen differently, in the order in which choices are written. */
  readonly differences: readonly ChoiceDifference[];
  /** The split whose photos are compared; undefined where no two runs share photos. */
  readonly split: Split | undefined;
  /** Every two runs that share photos of the split. */
  readonly pairs: readonly PairOfRuns[];
  /** Sentences about what to be careful with. */
  readonly notes: readonly string[];
}

interface Loaded extends ComparedRun {
  readonly choices: ReadonlyMap<string, unknown>;
  /** Of each split, whether each photo is answered right, by content, class and how often that content came before. */
  readonly answers: Readonly<Record<Split, ReadonlyMap<string, boolean>>>;
}

/**
 * Compares finished runs: figures side by side, what was chosen differently, and for every two runs McNemar's test on the photos that both
 * have in the same split. These are the test photos, or the validation photos where the runs share no test photos. Photos are the same
 * where content and class are.
 *
 * @param folders - folders of at least two runs
 * @throws HeadstartError `INVALID_OPTION` for fewer than two; `NOT_FOUND` or `INVALID_RUN` if one is no finished run
 *
 * @example
 * import { compareRuns, RECIPES, train } from "headstart";
 * const other = await train("photos", { recipe: { ...RECIPES.default, resize: "nearest" } });
 * const { differences, pairs } = await compareRuns(["runs/1", other.folder]);
 * differences[0]?.choice // => "recipe.resize"
 * console.log(pairs[0]?.difference, pairs[0]?.midP);
 */
export async function compareRuns(folders: readonly string[]): Promise<Comparison> {
  if (folders.length < 2)
    throw new HeadstartError("INVALID_OPTION", "One run cannot be compared.", "Give at least two runs.");
  const runs: Loaded[] = [];
  for (const folder of folders) runs.push(await load(folder));
  const notes: string[] = [];
  const test = pairsOf(runs, "test");
  const pairs = test.length > 0 ? test : pairsOf(runs, "validation");
  const split = pairs.length === 0 ? undefined : test.length > 0 ? "test" : "validation";
  if (split === undefined)
    notes.push("No two runs share test or validation photos, so no test says whether they differ.");
  if (split === "validation")
    notes.push(
      "The runs share no test photos. Validation photos are compared: if runs were chosen by them, the best looks better than it is.",
    );
  if (pairs.length > 1)
    notes.push(
      `Of ${pairs.length} tests, some come out small by chance: 1 in 20 falls below 0.05 where there is no difference.`,
    );
  const most = Math.max(0, ...runs.map(({ metrics }) => (split === undefined ? 0 : metrics[split].photos)));
  if (pairs.some(({ photos }) => photos < most))
    notes.push(`Some runs share only a part of their ${split} photos; those alone are compared.`);
  return {
    runs: runs.map(({ run, name, metrics }) => ({ run, name, metrics })),
    differences: differencesOf(runs.map(({ choices }) => choices)),
    split,
    pairs,
    notes,
  };
}

async function load(run: string): Promise<Loaded> {
  const { folder, choices, metrics, data, answers } = await readFinishedRun(run);
  const digests = new Map(data.photos.map(({ name, split, sha256 }) => [`${split}/${name}`, sha256]));
  const { version: _, threads: __, ...rest } = choices;
  return {
    run,
    name: basename(folder),
    metrics,
    choices: flattened(rest),
    answers: {
      train: rightOnes(answers, "train", digests),
      validation: rightOnes(answers, "validation", digests),
      test: rightOnes(answers, "test", digests),
    },
  };
}

function rightOnes(
  answers: readonly PhotoAnswer[],
  split: Split,
  digests: ReadonlyMap<string, string>,
): ReadonlyMap<string, boolean> {
  const found = new Map<string, boolean>();
  for (const answer of answers) {
    if (answer.split !== split) continue;
    const digest = digests.get(`${split}/${answer.name}`) ?? answer.name;
    let key = `${digest} ${answer.className}`;
    // Copies of a photo count as often as they occur.
    while (found.has(key)) key += " again";
    found.set(key, answer.top[0]?.className === answer.className);
  }
  return found;
}

function pairsOf(runs: readonly Loaded[], split: Split): PairOfRuns[] {
  return runs.flatMap((one, first) =>
    runs.slice(first + 1).flatMap((other, offset) => {
      const shared = [...one.answers[split]].flatMap(([key, isRight]) => {
        const otherIsRight = other.answers[split].get(key);
        return otherIsRight === undefined ? [] : [[isRight, otherIsRight] as const];
      });
      if (shared.length === 0) return [];
      const test = mcnemar(
        shared.map(([isRight]) => isRight),
        shared.map(([, isRight]) => isRight),
      );
      return [{ first, second: first + 1 + offset, ...test }];
    }),
  );
}

/** Choices as a list of paths and values; lists of numbers stay whole. */
function flattened(value: object): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const visit = (one: unknown, path: string) => {
    const isList = Array.isArray(one) && one.every((item) => typeof item !== "object");
    if (typeof one !== "object" || one === null || isList) found.set(path, one);
    else for (const [key, inner] of Object.entries(one)) visit(inner, path === "" ? key : `${path}.${key}`);
  };
  visit(value, "");
  return found;
}

/** The choices in which runs differ. */
export function differencesOf(choices: readonly ReadonlyMap<string, unknown>[]): ChoiceDifference[] {
  const names = [...new Set(choices.flatMap((one) => [...one.keys()]))];
  return names
    .map((choice) => ({ choice, values: choices.map((one) => one.get(choice)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}
