import { compareNames, count, essence, someNames } from "../names.js";
import { MIN_TRAINING_PHOTOS } from "../scan.js";
import { readSource } from "../source.js";
import type { CheckedPhoto, Finding, Severity, Side } from "./finding.js";

/** With fewer training photos of a class, what is learned of it is chance. */
const FEW = 20;

/** The largest class has so many times as many training photos as the smallest: worth a note, worth a warning. */
const UNEVEN = 3;
const VERY_UNEVEN = 10;

/** Shorter names that differ in one letter are mostly different words. */
const LONG_NAME = 6;

/**
 * What is odd about the classes: missing on one side, nearly of the same name, with few photos, far larger than others.
 *
 * @param classes - all classes, also those without photos
 */
export function classFindings(photos: readonly CheckedPhoto[], classes: readonly string[]): Finding[] {
  return [
    ...lonely(classes),
    ...missing(photos, classes),
    ...nearNames(classes),
    ...few(photos, classes),
    ...imbalance(photos, classes),
  ];
}

function lonely(classes: readonly string[]): Finding[] {
  const [only] = classes;
  if (classes.length !== 1) return [];
  return [
    finding("class-missing", "error", 1, {
      sentence: `There is one class only: ${only}.`,
      advice: "A classifier needs at least two: add a folder for each other class.",
      details: { classes: classes.length },
    }),
  ];
}

function missing(photos: readonly CheckedPhoto[], classes: readonly string[]): Finding[] {
  const sides = new Map<Side, Set<string>>([["train", new Set()]]);
  for (const { side, className } of photos) {
    const present = sides.get(side) ?? new Set();
    sides.set(side, present.add(className));
  }
  const findings: Finding[] = [];
  for (const [side, present] of sides) {
    const absent = classes.filter((name) => !present.has(name));
    if (absent.length === 0) continue;
    const isTraining = side === "train";
    findings.push(
      finding("class-missing", isTraining ? "error" : "warning", 1, {
        sentence: `There is no photo of ${someNames(absent)} in ${side}${absent.length > 3 ? ` (${count(absent.length, "class", "classes")})` : ""}.`,
        advice: isTraining
          ? "A model cannot answer with a class that it was not trained on: add training photos, or remove the class everywhere."
          : "Nothing will be known of how well the class is recognised: add photos of it, or remove it everywhere.",
        details: { side, classes: absent.join(", ") },
      }),
    );
  }
  return findings;
}

/**
 * Names of all classes of a source of photos, also of folders without a photo.
 *
 * @throws HeadstartError as `scanLabelled`
 */
export async function namedClasses(source: string): Promise<string[]> {
  return [...(await readSource(source)).classes].sort(compareNames);
}

/** How sure it is that two names mean one class; 0 where nothing says so. */
export function sameClass(a: string, b: string): number {
  const [x, y] = [essence(a), essence(b)];
  if (x === y) return 0.99;
  if (singular(x) === singular(y)) return 0.9;
  const isLong = Math.min(x.length, y.length) >= LONG_NAME;
  return isLong && isOneEditApart(x, y) ? 0.6 : 0;
}

function nearNames(classes: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  for (const [i, a] of classes.entries())
    for (const b of classes.slice(i + 1)) {
      const confidence = sameClass(a, b);
      if (confidence === 0) continue;
      findings.push(
        finding("class-names", confidence > 0.95 ? "error" : "warning", confidence, {
          sentence: `The classes ${a} and ${b} have nearly the same name.`,
          advice: "If they are one class, put their photos into one folder.",
          details: { one: a, other: b },
        }),
      );
    }
  return findings;
}

function few(photos: readonly CheckedPhoto[], classes: readonly string[]): Finding[] {
  const counts = trainingCounts(photos, classes);
  const short = classes.filter((name) => (counts.get(name) ?? 0) < FEW && (counts.get(name) ?? 0) > 0);
  if (short.length === 0) return [];
  const smallest = Math.min(...short.map((name) => counts.get(name) ?? 0));
  const severity = smallest < MIN_TRAINING_PHOTOS ? "error" : "warning";
  const shown = short.map((name) => `${name} (${counts.get(name)})`);
  return [
    finding("few-photos", severity, 1, {
      sentence: `${count(short.length, "class has", "classes have")} fewer than ${FEW} training photos: ${someNames(shown)}.`,
      advice:
        severity === "error"
          ? `Every class needs at least ${MIN_TRAINING_PHOTOS} training photos: add some, or remove the class.`
          : "Add photos, as different from one another as those that the model will meet.",
      details: { classes: short.join(", "), smallest },
    }),
  ];
}

function imbalance(photos: readonly CheckedPhoto[], classes: readonly string[]): Finding[] {
  const counts = [...trainingCounts(photos, classes)]
    .filter(([, value]) => value > 0)
    .sort(([, a], [, b]) => b - a);
  const [most, least] = [counts[0], counts.at(-1)];
  if (most === undefined || least === undefined) return [];
  const ratio = most[1] / least[1];
  if (ratio < UNEVEN) return [];
  return [
    finding("imbalance", ratio < VERY_UNEVEN ? "note" : "warning", 1, {
      sentence: `${most[0]} has ${ratio.toFixed(1)} times as many training photos as ${least[0]}: ${most[1]} and ${least[1]}.`,
      advice:
        "Look at balanced accuracy and at the small classes' figures, and add photos of them: accuracy alone hides how they fare.",
      details: { largest: most[0], smallest: least[0], ratio },
    }),
  ];
}

function trainingCounts(photos: readonly CheckedPhoto[], classes: readonly string[]): Map<string, number> {
  const counts = new Map(classes.map((name) => [name, 0]));
  for (const { side, className } of photos)
    if (side === "train") counts.set(className, (counts.get(className) ?? 0) + 1);
  return counts;
}

function finding(
  kind: Finding["kind"],
  severity: Severity,
  confidence: number,
  rest: Pick<Finding, "sentence" | "advice" | "details">,
): Finding {
  return { kind, severity, confidence, photos: [], movable: [], ...rest };
}

/** A name without the ending of an English plural. */
function singular(name: string): string {
  return name
    .replace(/ies$/, "y")
    .replace(/(?<=s|x|z|ch|sh)es$/, "")
    .replace(/(?<=[^s])s$/, "");
}

/** Whether one letter added, left out or replaced, or two exchanged, makes one name of the other. Digits number things: they count as different. */
function isOneEditApart(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const [restA, restB] = [a.slice(start, endA), b.slice(start, endB)];
  if (/\d/.test(restA + restB)) return false;
  if (restA.length <= 1 && restB.length <= 1) return true;
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0];
}
