import { SPLITS, type Split } from "../../data/index.js";
import type { ReportData, ReportPhoto } from "./data.js";

/** Photos of one class that got the same answer: what stands behind a cell of the confusion matrix. */
export interface Group {
  readonly split: Split;
  readonly truth: number;
  readonly predicted: number;
  /** Indices into the report's photos: of wrong answers the surest first, of right ones the least sure. */
  readonly photos: readonly number[];
}

/** Photos in a gallery of the split that is looked at first; of other splits, half as many. */
export const GALLERY_PHOTOS = 24;

/** The class that a photo is taken for. */
export function predictedOf({ answers }: ReportPhoto): number {
  return answers[0]?.[0] ?? -1;
}

/** The probability of the class that a photo is taken for. */
export function probabilityOf({ answers }: ReportPhoto): number {
  return answers[0]?.[1] ?? 0;
}

/** Whether a photo is taken for what it is. */
export function isRight(photo: ReportPhoto): boolean {
  return predictedOf(photo) === photo.truth;
}

/** The split that is looked at first: the test photos, without any the validation photos, or else the training photos. */
export function mainSplit(data: Pick<ReportData, "splits">): Split {
  const measured = new Set(data.splits.filter(({ photos }) => photos > 0).map(({ split }) => split));
  return [...SPLITS].reverse().find((split) => measured.has(split)) ?? "train";
}

/** The splits that were measured, the one that is looked at first in front. */
export function splitsInOrder(data: Pick<ReportData, "splits">): Split[] {
  const main = mainSplit(data);
  const others = data.splits.map(({ split }) => split).filter((split) => split !== main);
  return data.splits.length === 0 ? [] : [main, ...others.reverse()];
}

/** All groups, by their {@link groupId}. */
export function groupsOf(photos: readonly ReportPhoto[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, { split: Split; truth: number; predicted: number; photos: number[] }>();
  for (const [index, photo] of photos.entries()) {
    const { split, truth } = photo;
    const predicted = predictedOf(photo);
    const id = groupId(split, truth, predicted);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { split, truth, predicted, photos: [index] });
    else group.photos.push(index);
  }
  const probability = (index: number) => photoAt(photos, index, probabilityOf);
  for (const group of groups.values()) {
    const sign = group.truth === group.predicted ? 1 : -1;
    group.photos.sort((a, b) => sign * (probability(a) - probability(b)) || a - b);
  }
  return groups;
}

/** The groups whose photos the page shows: all wrong answers, and the right ones of the split that is looked at first. */
export function shownGroups(data: Pick<ReportData, "photos" | "splits">): ReadonlyMap<string, Group> {
  const main = mainSplit(data);
  return new Map(
    [...groupsOf(data.photos)].filter(
      ([, { split, truth, predicted }]) => truth !== predicted || split === main,
    ),
  );
}

/** The anchor of a group in the page. */
export function groupId(split: Split, truth: number, predicted: number): string {
  return `${split}-${truth}-${predicted}`;
}

/** Photos of a split that were answered wrong with the highest probability, the surest first. */
export function surestWrong(data: Pick<ReportData, "photos" | "splits">, split: Split): number[] {
  const limit = split === mainSplit(data) ? GALLERY_PHOTOS : GALLERY_PHOTOS / 2;
  return ranked(data.photos, (photo) => photo.split === split && !isRight(photo), -1).slice(0, limit);
}

/** Photos of the main split that were answered right with the lowest probability, the least sure first. */
export function leastSure(data: Pick<ReportData, "photos" | "splits">): number[] {
  const main = mainSplit(data);
  return ranked(data.photos, (photo) => photo.split === main && isRight(photo), 1).slice(
    0,
    GALLERY_PHOTOS / 2,
  );
}

/** All photos that stand in a gallery, each once: those worth an overlay. */
export function galleryPhotos(data: Pick<ReportData, "photos" | "splits">): number[] {
  return [
    ...new Set([...splitsInOrder(data).flatMap((split) => surestWrong(data, split)), ...leastSure(data)]),
  ];
}

function ranked(
  photos: readonly ReportPhoto[],
  isMeant: (photo: ReportPhoto) => boolean,
  sign: 1 | -1,
): number[] {
  const probability = (index: number) => photoAt(photos, index, probabilityOf);
  return photos
    .flatMap((photo, index) => (isMeant(photo) ? [index] : []))
    .sort((a, b) => sign * (probability(a) - probability(b)) || a - b);
}

function photoAt(photos: readonly ReportPhoto[], index: number, of: (photo: ReportPhoto) => number): number {
  const photo = photos[index];
  return photo === undefined ? 0 : of(photo);
}
