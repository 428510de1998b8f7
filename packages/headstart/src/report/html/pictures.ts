import type { ReportData } from "./data.js";
import { galleryPhotos, groupId, groupsOf, mainSplit, predictedOf, splitsInOrder } from "./groups.js";
import type { Html } from "./html.js";
import { makeSprites, type Sprites, type Wanted } from "./sprites.js";

/** The pictures of a report. */
export interface Pictures {
  /** Style sheets that hold them. */
  readonly css: readonly string[];
  /** The small picture of a photo; nothing where there was no room for it. */
  readonly small: (photo: number, alternative: string) => Html | undefined;
  /** The small picture of a photo of the data set by its name; nothing where it has none. */
  readonly named: (name: string) => Html | undefined;
  /** The larger picture of a photo that stands in a gallery. */
  readonly large: (photo: number, alternative: string) => Html | undefined;
  /** Where the network looked, for a photo in a gallery that has such a picture. */
  readonly overlay: (photo: number, alternative: string) => Html | undefined;
}

/** Called with how many photos are drawn, and how many will be. */
export type OnDrawn = (done: number, total: number) => void;

/** The most characters that the small pictures take: with all else, a page stays below 25 MB. */
const BUDGET = 16_000_000;
/** The most small pictures: about ten seconds of decoding, and more than anybody looks at. */
const MOST = 8000;
/** Sides of small pictures with the quality of their JPEGs, the best first. */
const SIZES = [
  { side: 128, quality: 72 },
  { side: 112, quality: 68 },
  { side: 96, quality: 64 },
  { side: 80, quality: 58 },
  { side: 64, quality: 50 },
] as const;
const LARGE = { side: 176, quality: 76 } as const;
/** Photos that are tried to learn how many bytes one takes. */
const SAMPLE = 64;
/** Right answers of each class that come before the rest. */
const FIRST_RIGHT = 12;
/** Findings of each kind that are shown with pictures, and pictures of each. */
export const SHOWN_ITEMS = 12;
export const PICTURES_OF_ITEM = 6;

/**
 * Chooses which photos get a picture and how large, and draws them. Those of the galleries get a larger one. Small ones go to
 * photos that the check found something about and to the wrong answers first, then to a few right answers of each class, then to the other right answers of the split that is looked at first, as long
 * as there is room; the more there are, the smaller they become.
 */
export async function drawPictures(data: ReportData, onDrawn?: OnDrawn): Promise<Pictures> {
  const gallery = galleryPhotos(data);
  const large = await makeSprites(
    gallery.flatMap((photo) => wantedOf(data, photo)),
    { prefix: "b", ...LARGE, limit: Number.POSITIVE_INFINITY },
  );
  const small = await drawSmall(data, onDrawn);
  const indices = new Map(data.photos.map(({ name }, index) => [name, index]));
  return {
    css: [large.css, small.css],
    small: (photo, alternative) => small.show(String(photo), alternative),
    named: (name) => small.show(String(indices.get(name)), name),
    large: (photo, alternative) => large.show(String(photo), alternative),
    overlay: (photo, alternative) => large.show(`${photo}:overlay`, alternative),
  };
}

/** A photo and, beside it, its overlay. */
function wantedOf(data: ReportData, photo: number): Wanted[] {
  const { path = "", overlay } = data.photos[photo] ?? {};
  return [
    { key: String(photo), photo: path },
    ...(overlay === undefined ? [] : [{ key: `${photo}:overlay`, photo: overlay }]),
  ];
}

/**
 * The photos that are to get a small picture, in the order in which the page shows them.
 *
 * @param most - where there are more, those that matter least are left out
 */
export function smallPhotos(
  data: Pick<ReportData, "photos" | "splits" | "classes" | "data">,
  most: number = MOST,
): number[] {
  const groups = groupsOf(data.photos);
  const main = mainSplit(data);
  const order = splitsInOrder(data);
  const wrong = order.flatMap((split) =>
    [...groups.values()].filter((group) => group.split === split && group.truth !== group.predicted),
  );
  const right = data.classes.map((_, label) => groups.get(groupId(main, label, label))?.photos ?? []);
  const all = [
    ...foundPhotos(data),
    ...wrong.flatMap(({ photos }) => photos),
    ...right.flatMap((photos) => photos.slice(0, FIRST_RIGHT)),
    // In turns, so that the classes get about equally many.
    ...Array.from({ length: Math.max(0, ...right.map(({ length }) => length - FIRST_RIGHT)) }, (_, turn) =>
      right.flatMap((photos) => photos.slice(FIRST_RIGHT + turn, FIRST_RIGHT + turn + 1)),
    ).flat(),
  ];
  const ranked = [...new Set(all)].slice(0, most);
  const placeOf = (photo: number): readonly number[] => {
    const one = data.photos[photo];
    return one === undefined ? [] : [one.truth, order.indexOf(one.split), predictedOf(one), photo];
  };
  const places = new Map(ranked.map((photo) => [photo, placeOf(photo)]));
  return ranked.sort((a, b) => compare(places.get(a) ?? [], places.get(b) ?? []));
}

/** The photos that are shown with what a check found. */
function foundPhotos({ photos, data: { findings = [] } }: Pick<ReportData, "photos" | "data">): number[] {
  const indices = new Map(photos.map(({ name }, index) => [name, index]));
  return findings
    .flatMap(({ items }) => items.slice(0, SHOWN_ITEMS))
    .flatMap((item) => item.photos.slice(0, PICTURES_OF_ITEM))
    .flatMap((name) => indices.get(name) ?? []);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Draws small pictures in the largest size that is within the budget by the measure of a sample; at the smallest, as many as are. */
async function drawSmall(data: ReportData, onDrawn: OnDrawn | undefined): Promise<Sprites> {
  const wantedOf = (photos: readonly number[]) =>
    photos.map((photo) => ({ key: String(photo), photo: data.photos[photo]?.path ?? "" }));
  const photos = smallPhotos(data);
  const every = Math.max(1, Math.floor(photos.length / SAMPLE));
  const sample = wantedOf(photos.filter((_, index) => index % every === 0).slice(0, SAMPLE));
  let most = photos.length;
  for (const size of SIZES) {
    const tried = await makeSprites(sample, { prefix: "a", ...size, limit: BUDGET });
    most = Math.floor(BUDGET / (1.05 * (tried.length / Math.max(1, sample.length)) + 1));
    if (photos.length <= most)
      return photos.length <= SAMPLE
        ? tried
        : await makeSprites(wantedOf(photos), { prefix: "a", ...size, limit: BUDGET }, onDrawn);
  }
  const last = SIZES[SIZES.length - 1] ?? SIZES[0];
  return await makeSprites(
    wantedOf(smallPhotos(data, most)),
    { prefix: "a", ...last, limit: BUDGET },
    onDrawn,
  );
}
