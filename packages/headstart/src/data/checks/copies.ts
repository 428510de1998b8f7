import { compareNames, count, someNames } from "../names.js";
import { SPLITS } from "../photo.js";
import {
  type CheckedPhoto,
  type Finding,
  type FindingKind,
  type FindingPhoto,
  named,
  type Side,
} from "./finding.js";

/** Photos that show the same. */
export interface CopyGroup {
  readonly photos: readonly CheckedPhoto[];
  /** How sure it is that they do, from 0 to 1. */
  readonly confidence: number;
}

/** The order in which sides are named. */
const SIDES: readonly Side[] = [...SPLITS, "against"];

/** Photos with the same content, byte for byte, in groups of two and more. */
export function exactCopies(photos: readonly CheckedPhoto[]): CopyGroup[] {
  const groups = new Map<string, CheckedPhoto[]>();
  for (const photo of photos) {
    const group = groups.get(photo.digest);
    if (group) group.push(photo);
    else groups.set(photo.digest, [photo]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({ photos: group, confidence: 1 }));
}

/**
 * What copies mean: photos in several splits leak from training into measuring, photos in several classes contradict one another, and the
 * rest count more than once. A group may be both of the first two. Groups that lie wholly in the other photos are passed over.
 *
 * @param kind - `exact` where the files are equal, `near` where the pictures are
 */
export function copyFindings(groups: readonly CopyGroup[], kind: "exact" | "near"): Finding[] {
  return groups.flatMap(({ photos, confidence }): Finding[] => {
    if (photos.every(({ side }) => side === "against")) return [];
    const group = { photos: bySide(photos), confidence };
    const sides = new Set(group.photos.map(({ side }) => side));
    const classes = new Set(group.photos.map(({ className }) => className));
    const findings: Finding[] = [];
    if (classes.size > 1) findings.push(acrossClasses(group, kind, [...classes]));
    if (sides.size > 1)
      findings.push(
        acrossSplits(
          group,
          kind,
          SIDES.filter((side) => sides.has(side)),
        ),
      );
    if (findings.length === 0) findings.push(withinClass(group, kind));
    return findings;
  });
}

/**
 * The photos to choose or measure by that show what training photos show, each once: without them accuracy is what it would be on new photos.
 *
 * @param findings - as {@link copyFindings} gives them
 */
export function leakedPhotos(findings: readonly Pick<Finding, "kind" | "photos">[]): FindingPhoto[] {
  const leaked = new Map<string, FindingPhoto>();
  for (const { kind, photos } of findings) {
    if (!kind.endsWith("-across-splits") || !photos.some(({ side }) => side === "train")) continue;
    for (const photo of photos)
      if (photo.side !== "train") leaked.set(JSON.stringify([photo.side, photo.name]), photo);
  }
  return [...leaked.values()].sort((a, b) => compareNames(a.name, b.name));
}

function withinClass({ photos, confidence }: CopyGroup, kind: "exact" | "near"): Finding {
  const [first, ...others] = keptFirst(photos);
  return finding(kind, "", kind === "exact" ? "warning" : "note", photos, confidence, {
    sentence: `${count(photos.length, "photo")} of ${first?.className} in ${first?.side} ${what(kind)}: ${names(photos)}.`,
    advice: "Keep one of them: copies count more than once in training and in every figure.",
    movable: others.map(({ name }) => name),
  });
}

function acrossSplits({ photos, confidence }: CopyGroup, kind: "exact" | "near", sides: Side[]): Finding {
  const [kept] = keptFirst(photos);
  const going = photos.filter(({ side }) => side !== kept?.side && side !== "against");
  return finding(kind, "-across-splits", "error", photos, confidence, {
    sentence: `Photos in ${listed(sides)} ${what(kind)}: ${names(photos)}.`,
    advice: `Keep those in ${kept?.side}: what a model was trained on or chosen by tells nothing about new photos.`,
    movable: going.map(({ name }) => name),
  });
}

function acrossClasses(
  { photos, confidence }: CopyGroup,
  kind: "exact" | "near",
  classes: string[],
): Finding {
  return finding(kind, "-across-classes", kind === "exact" ? "error" : "warning", photos, confidence, {
    sentence: `Photos of ${listed(classes)} ${what(kind)}: ${names(photos)}.`,
    advice: "One of the labels is wrong: look at the photo and keep it in the class that it belongs to.",
    movable: photos.filter(({ side }) => side !== "against").map(({ name }) => name),
  });
}

function finding(
  kind: "exact" | "near",
  where: "" | "-across-splits" | "-across-classes",
  severity: Finding["severity"],
  photos: readonly CheckedPhoto[],
  confidence: number,
  rest: Pick<Finding, "sentence" | "advice" | "movable">,
): Finding {
  const whole: FindingKind = `${kind}-copies${where}`;
  return {
    kind: whole,
    severity,
    confidence,
    photos: photos.map(named),
    details: { photos: photos.length },
    ...rest,
  };
}

function what(kind: "exact" | "near"): string {
  return kind === "exact" ? "are the same file" : "show the same picture";
}

/** Those first that stay where one must go: those that figures are measured on, then those that a model is chosen by. */
function keptFirst(photos: readonly CheckedPhoto[]): CheckedPhoto[] {
  return [...photos].sort((a, b) => SIDES.indexOf(b.side) - SIDES.indexOf(a.side));
}

function bySide(photos: readonly CheckedPhoto[]): CheckedPhoto[] {
  return [...photos].sort((a, b) => SIDES.indexOf(a.side) - SIDES.indexOf(b.side));
}

function names(photos: readonly CheckedPhoto[]): string {
  return someNames(photos.map(({ name }) => name));
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
