import type { Appearance } from "./appearance.js";
import type { CheckedPhoto, Finding } from "./finding.js";

/** Classes with fewer photos tell nothing. */
const FEWEST = 10;

/** Values are sorted into so many groups of about the same size. */
const GROUPS = 10;

/** Parts that are left out in turn. */
const FOLDS = 5;

/** Balanced accuracy from which a property gives a class away. */
const LEAST_ACCURACY = 0.85;

/** How probable it may be that chance did it, over all properties and classes together. */
const LEAST_CHANCE = 0.001;

/** A photo with what it looks like. */
export interface Seen extends CheckedPhoto {
  readonly appearance: Appearance;
}

/** Something that says nothing of what a photo shows. */
interface Property {
  readonly name: string;
  /** Numbers are sorted into groups, words are groups. */
  readonly of: (photo: Seen) => number | string;
  /** Whether it may well belong to what the photo shows. */
  readonly isNatural?: boolean;
}

const PROPERTIES: readonly Property[] = [
  { name: "image size", of: ({ appearance }) => `${appearance.width} x ${appearance.height}` },
  { name: "number of pixels", of: ({ appearance }) => appearance.width * appearance.height },
  { name: "proportions", of: ({ appearance }) => appearance.width / appearance.height },
  { name: "file type", of: ({ appearance }) => appearance.format },
  { name: "file size", of: ({ bytes }) => bytes },
  { name: "evenness of the border", of: ({ appearance }) => appearance.borderSpread },
  { name: "brightness of the border", of: ({ appearance }) => brightness(appearance.border) },
  { name: "colour of the border", of: ({ appearance }) => warmth(appearance.border), isNatural: true },
  { name: "brightness", of: ({ appearance }) => brightness(appearance.colour), isNatural: true },
  { name: "contrast", of: ({ appearance }) => appearance.contrast, isNatural: true },
  { name: "mean colour (red to blue)", of: ({ appearance }) => warmth(appearance.colour), isNatural: true },
  { name: "mean colour (green)", of: ({ appearance }) => greenness(appearance.colour), isNatural: true },
];

/**
 * Classes that can be told from all others by one property that says nothing of what a photo shows: a network will learn it instead. For each
 * property and class, photos are grouped by the property; a group stands for the class if it has a larger share of the class's photos than of the
 * others. That is measured on photos that were left out, in five parts, and tested against chance by Fisher's exact test, with as many tests
 * as there are properties and classes allowed for.
 */
export function shortcutFindings(photos: readonly Seen[], classes: readonly string[]): Finding[] {
  const counted = classes.filter(
    (name) => photos.filter(({ className }) => className === name).length >= FEWEST,
  );
  // Of two classes, what tells one tells the other.
  const tested = classes.length === 2 ? counted.slice(0, 1) : counted;
  const tests = PROPERTIES.length * Math.max(1, tested.length);
  const findings: Finding[] = [];
  for (const { name, of, isNatural = false } of PROPERTIES) {
    const groups = grouped(photos.map(of));
    if (new Set(groups).size < 2) continue;
    for (const className of tested) {
      const isOwn = photos.map((photo) => photo.className === className);
      const own = isOwn.filter(Boolean).length;
      if (photos.length - own < FEWEST) continue;
      const { right, wrong } = leftOut(groups, isOwn);
      const accuracy = (right / own + 1 - wrong / (photos.length - own)) / 2;
      if (accuracy < LEAST_ACCURACY) continue;
      const chance = Math.min(1, tests * fisher(right, own, wrong, photos.length - own));
      if (chance > LEAST_CHANCE) continue;
      const others =
        classes.length === 2 ? classes.filter((other) => other !== className).join() : "all others";
      findings.push({
        kind: "shortcut",
        severity: isNatural ? "note" : "warning",
        confidence: 1 - chance,
        photos: [],
        sentence: `${className} can be told from ${others} by the ${name} alone, in ${Math.round(accuracy * 100)} % of the photos.`,
        advice: isNatural
          ? "If that is not what the classes differ in, a network may learn it instead of what the photos show: add photos of each class in which it varies."
          : `A network may learn the ${name} instead of what the photos show: bring the photos of all classes to the same, or add others.`,
        details: { class: className, property: name, balancedAccuracy: accuracy, chance },
        movable: [],
      });
    }
  }
  return findings;
}

/** For each value its group: words as they are, numbers by their place among the others. Equal values are in one group. */
function grouped(values: readonly (number | string)[]): (number | string)[] {
  const numbers = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
  if (numbers.length < values.length) return [...values];
  const ends = Array.from(
    { length: GROUPS - 1 },
    (_, i) => numbers[Math.floor(((i + 1) * numbers.length) / GROUPS)] ?? 0,
  );
  return numbers.length === 0 ? [] : values.map((value) => ends.filter((end) => end <= Number(value)).length);
}

/** How many of the class and how many of the others are taken for the class, each by the photos of the other parts. */
function leftOut(
  groups: readonly (number | string)[],
  isOwn: readonly boolean[],
): { readonly right: number; readonly wrong: number } {
  // Each class's photos are dealt to the parts in turn.
  const dealt = { true: 0, false: 0 };
  const part = isOwn.map((own) => dealt[`${own}`]++ % FOLDS);
  let [right, wrong] = [0, 0];
  for (let fold = 0; fold < FOLDS; fold++) {
    const counts = new Map<number | string, { own: number; others: number }>();
    const all = { own: 0, others: 0 };
    for (const [i, group] of groups.entries()) {
      if (part[i] === fold) continue;
      const count = counts.get(group) ?? { own: 0, others: 0 };
      const which = isOwn[i] ? "own" : "others";
      count[which]++;
      all[which]++;
      counts.set(group, count);
    }
    for (const [i, group] of groups.entries()) {
      const count = counts.get(group);
      if (part[i] !== fold || count === undefined) continue;
      if (count.own * all.others <= count.others * all.own) continue;
      if (isOwn[i]) right++;
      else wrong++;
    }
  }
  return { right, wrong };
}

/**
 * Fisher's exact test, one-sided: how probable it is that so many or more of those that were chosen are of the class, if chance chose.
 *
 * @param right - chosen and of the class
 * @param own - of the class
 * @param wrong - chosen, of the others
 * @param others - all others
 */
export function fisher(right: number, own: number, wrong: number, others: number): number {
  const logs = logFactorials(own + others);
  const log = (n: number) => logs[n] ?? 0;
  const choose = (n: number, k: number) => log(n) - log(k) - log(n - k);
  const chosen = right + wrong;
  let chance = 0;
  for (let k = right; k <= Math.min(own, chosen); k++)
    if (chosen - k <= others)
      chance += Math.exp(choose(own, k) + choose(others, chosen - k) - choose(own + others, chosen));
  return Math.min(1, chance);
}

function logFactorials(largest: number): Float64Array {
  const logs = new Float64Array(largest + 1);
  for (let n = 2; n <= largest; n++) logs[n] = (logs[n - 1] ?? 0) + Math.log(n);
  return logs;
}

function brightness([red, green, blue]: Appearance["colour"]): number {
  return (red + green + blue) / 3;
}

function warmth([red, , blue]: Appearance["colour"]): number {
  return red - blue;
}

function greenness([red, green, blue]: Appearance["colour"]): number {
  return green - (red + blue) / 2;
}
