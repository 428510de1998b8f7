import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { type Dataset, SPLITS, type Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { topClasses } from "../evaluation/index.js";
import { readIfThere, writeAtomically } from "../files.js";
import { photosOf } from "./dataset.js";

/** Name of the file in a run folder that holds what the classifier says about each photo. */
export const ANSWERS_FILE = "answers.csv";

/** Classes that are kept of each photo's answer. */
const TOP = 5;

/** What the classifier of a run says about one of its photos. */
export interface PhotoAnswer {
  /** The photo's name in the data set. */
  readonly name: string;
  readonly split: Split;
  /** Name of its class. */
  readonly className: string;
  /** The probability of its own class. */
  readonly probability: number;
  /** The most probable classes, the best first: at most five, at least one. */
  readonly top: readonly { readonly className: string; readonly probability: number }[];
}

/**
 * What a classifier says about each photo of a data set.
 *
 * @param probabilities - of each split, [photos, classes] row by row, in the order of {@link photosOf}
 */
export function answersOf(
  dataset: Dataset,
  probabilities: Readonly<Record<Split, Float32Array>>,
): PhotoAnswer[] {
  const { classes } = dataset;
  return SPLITS.flatMap((split) => {
    const { photos, labels } = photosOf(dataset, split);
    return photos.map(({ name, className }, row) => {
      const own = probabilities[split].subarray(row * classes.length, (row + 1) * classes.length);
      const top = topClasses(own, TOP).map((label) => ({
        className: classes[label] ?? "",
        probability: own[label] ?? 0,
      }));
      return { name, split, className, probability: own[labels[row] ?? -1] ?? 0, top };
    });
  });
}

/**
 * Writes `answers.csv`: a row for each photo with its split, its class, the probability of that class, and up to five classes with their
 * probabilities, the best first.
 *
 * @throws HeadstartError `STORAGE` if the disk refuses
 */
export async function writeAnswers(folder: string, answers: readonly PhotoAnswer[]): Promise<void> {
  const ranks = Array.from({ length: Math.max(1, ...answers.map(({ top }) => top.length)) }, (_, i) => i);
  const head = [
    "photo",
    "split",
    "class",
    "probability",
    ...ranks.flatMap((rank) => [`answer${rank + 1}`, `probability${rank + 1}`]),
  ];
  const figure = (value: number) => Number(value.toPrecision(6));
  const rows = answers.map(({ name, split, className, probability, top }) => [
    name,
    split,
    className,
    figure(probability),
    ...ranks.flatMap((rank) => {
      const one = top[rank];
      return one === undefined ? ["", ""] : [one.className, figure(one.probability)];
    }),
  ]);
  await writeAtomically(join(folder, ANSWERS_FILE), stringify([head, ...rows]));
}

const probability = z.coerce.number().min(0).max(1.001);
const rowSchema = z
  .object({
    photo: z.string(),
    split: z.enum(["train", "validation", "test"]),
    class: z.string(),
    probability,
    answer1: z.string(),
    probability1: probability,
  })
  .catchall(z.string());

/**
 * Reads what the classifier of a run says about its photos.
 *
 * @returns the answers; undefined where the run has none, as those of earlier versions
 * @throws HeadstartError `INVALID_RUN` if the file is damaged
 */
export async function readAnswers(folder: string): Promise<PhotoAnswer[] | undefined> {
  const path = join(folder, ANSWERS_FILE);
  const content = await readIfThere(path);
  if (content === undefined) return undefined;
  try {
    const rows = z.array(rowSchema).parse(parse(content, { columns: true, bom: true }));
    return rows.map((row) => ({
      name: row.photo,
      split: row.split,
      className: row.class,
      probability: row.probability,
      top: Array.from({ length: TOP }, (_, rank) => ({
        className: String(row[`answer${rank + 1}`] ?? ""),
        probability: Number(row[`probability${rank + 1}`] ?? 0),
      })).filter(({ className }, rank) => rank === 0 || className !== ""),
    }));
  } catch (cause) {
    throw new HeadstartError(
      "INVALID_RUN",
      `${path} is damaged.`,
      "Delete it: the answers are then computed again from the model.",
      { cause },
    );
  }
}
