import type { Appearance } from "./appearance.js";
import type { CheckedPhoto, Finding } from "./finding.js";
import { fisher } from "./fisher.js";
import { GroupVotes } from "./group-votes.js";

/** Classes with fewer photos tell nothing. */
const FEWEST = 10;

/** Values are sorted into so many groups of about the same size. */
const GROUPS = 10;

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
  const numbers = new Map(classes.map((name, number) => [name, number]));
  const labels = photos.map(({ className }) => numbers.get(className) ?? 0);
  const sizes = classes.map((_, number) => labels.filter((label) => label === number).length);
  const counted = sizes.flatMap((size, number) =>
    size >= FEWEST && photos.length - size >= FEWEST ? [number] : [],
  );
  // Of two classes, what tells one tells the other.
  const tested = classes.length === 2 ? counted.slice(0, 1) : counted;
  const tests = PROPERTIES.length * tested.length;
  return PROPERTIES.flatMap((property) => {
    const votes = new GroupVotes(grouped(photos.map(property.of)), labels, classes.length);
    return tested.flatMap((number): Finding[] => {
      const { right, wrong } = votes.of(number);
      const own = sizes[number] ?? 0;
      const others = photos.length - own;
      const accuracy = (right / own + 1 - wrong / others) / 2;
      if (accuracy < LEAST_ACCURACY) return [];
      const chance = Math.min(1, tests * fisher(right, own, wrong, others));
      if (chance > LEAST_CHANCE) return [];
      const rest = classes.length === 2 ? (classes[1 - number] ?? "") : "all others";
      return [finding(property, { className: classes[number] ?? "", rest, accuracy, chance })];
    });
  });
}

function finding(
  { name, isNatural = false }: Property,
  found: {
    readonly className: string;
    readonly rest: string;
    readonly accuracy: number;
    readonly chance: number;
  },
): Finding {
  const { className, rest, accuracy, chance } = found;
  return {
    kind: "shortcut",
    severity: isNatural ? "note" : "warning",
    confidence: 1 - chance,
    photos: [],
    sentence: `${className} can be told from ${rest} by the ${name} alone, in ${Math.round(accuracy * 100)} % of the photos.`,
    advice: isNatural
      ? "If that is not what the classes differ in, a network may learn it instead of what the photos show: add photos of each class in which it varies."
      : `A network may learn the ${name} instead of what the photos show: bring the photos of all classes to the same, or add others.`,
    details: { class: className, property: name, balancedAccuracy: accuracy, chance },
    movable: [],
  };
}

/** For each value the number of its group: equal words are in one group, numbers with those next to them. Equal values are in one group. */
function grouped(values: readonly (number | string)[]): number[] {
  const numbers = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
  if (numbers.length === values.length) {
    const ends = Array.from(
      { length: GROUPS - 1 },
      (_, i) => numbers[Math.floor(((i + 1) * numbers.length) / GROUPS)] ?? 0,
    );
    return values.map((value) => ends.filter((end) => end <= Number(value)).length);
  }
  const words = new Map([...new Set(values)].map((word, number) => [word, number]));
  return values.map((value) => words.get(value) ?? 0);
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
