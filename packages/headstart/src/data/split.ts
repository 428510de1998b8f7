import { createHash } from "node:crypto";
import { HeadstartError } from "../errors.js";
import { SPLITS, type Split } from "./photo.js";

/** What share of the photos each split gets: train, validation, test. */
export type Fractions = readonly [number, number, number];

/** 70 % to train on, 15 % to choose by, 15 % to measure with. */
export const DEFAULT_FRACTIONS: Fractions = [0.7, 0.15, 0.15];

/**
 * The split of a photo, from its content alone: SHA-256 of the seed and the photo's digest is taken as a number in [0, 1) and looked up
 * in the cumulative fractions. So copies of a photo stay together, and adding photos, renaming them or moving them between classes
 * changes no other photo's split. The number of photos in a split is therefore only near its fraction.
 *
 * @param digest - SHA-256 of the photo's content, in hexadecimal
 * @param seed - another seed gives another split
 * @param fractions - shares of train, validation and test; they need not add up to 1
 */
export function splitOf(digest: string, seed: number, fractions: Fractions = DEFAULT_FRACTIONS): Split {
  const hash = createHash("sha256").update(`${seed}:${digest}`).digest();
  const total = fractions[0] + fractions[1] + fractions[2];
  let left = (hash.readUIntBE(0, 6) / 2 ** 48) * total;
  let split: Split = "train";
  for (const [i, fraction] of fractions.entries()) {
    if (fraction === 0) continue;
    split = SPLITS[i] ?? split;
    if (left < fraction) break;
    left -= fraction;
  }
  return split;
}

/**
 * Refuses fractions that cannot be meant: negative, not finite, or nothing to train on.
 *
 * @throws HeadstartError `INVALID_OPTION`
 */
export function checkFractions(fractions: Fractions): void {
  const sound =
    fractions.length === 3 && fractions.every((fraction) => Number.isFinite(fraction) && fraction >= 0);
  if (!sound || fractions[0] === 0)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The split ${fractions.join("/")} cannot be used.`,
      "Give three numbers for train, validation and test, the first above 0, such as 70/15/15.",
    );
}

const SPLIT_NAMES: Readonly<Record<string, Split>> = {
  train: "train",
  training: "train",
  valid: "validation",
  val: "validation",
  validation: "validation",
  test: "test",
  testing: "test",
};

/** The split that a folder or a manifest calls by this name, whatever its case; undefined where it names none. */
export function splitNamed(name: string): Split | undefined {
  const key = name.trim().toLowerCase();
  return Object.hasOwn(SPLIT_NAMES, key) ? SPLIT_NAMES[key] : undefined;
}
