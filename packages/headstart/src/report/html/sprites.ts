import sharp from "sharp";
import { mapBounded } from "../../data/index.js";
import { type Html, html, trusted } from "./html.js";
import { type Thumbnail, thumbnailOf } from "./thumbnail.js";

/** A picture that a page shows, and the key that it is asked for by. */
export interface Wanted {
  readonly key: string;
  /** A path, or a file's bytes. */
  readonly photo: string | Uint8Array;
}

/** Pictures of one size, ready to be shown. */
export interface Sprites {
  /** The style sheet that holds the pictures as JPEGs of many thumbnails each. */
  readonly css: string;
  /** Characters of it that are JPEGs. */
  readonly length: number;
  /** The element that shows a picture; a grey square where it cannot be decoded, nothing where it was not wanted. */
  readonly show: (key: string, alternative: string) => Html | undefined;
}

/** How {@link makeSprites} draws. */
export interface SpriteOptions {
  /** What its CSS classes begin with: a letter that no other sprites of the page have. */
  readonly prefix: string;
  /** The longest side of a picture, in pixels; a multiple of 16, the blocks of JPEG. */
  readonly side: number;
  /** Of the JPEGs, 1 to 100. */
  readonly quality: number;
  /** The most characters of CSS; pictures beyond it are left out. */
  readonly limit: number;
}

/** Thumbnails in a row of a sprite, and rows in it: few enough that a page decodes only about what is in view. */
const ACROSS = 8;
const TILES = ACROSS * ACROSS;
const DECODERS = 4;

/** Draws thumbnails, many to a JPEG, in the order in which they are wanted. */
export async function makeSprites(
  wanted: readonly Wanted[],
  options: SpriteOptions,
  onDrawn?: (done: number, total: number) => void,
): Promise<Sprites> {
  const { prefix, side, quality, limit } = options;
  const shown = new Map<string, Html>();
  const sheets: string[] = [];
  const classes = (names: readonly string[]) => `${prefix}t ${names.map((name) => prefix + name).join(" ")}`;
  let length = 0;
  for (let start = 0; start < wanted.length; start += TILES) {
    const part = wanted.slice(start, start + TILES);
    const tiles = await mapBounded(part, DECODERS, ({ photo }) => thumbnailOf(photo, side));
    const jpeg = await drawSheet(tiles, side, quality);
    onDrawn?.(start + part.length, wanted.length);
    const name = `s${sheets.length}`;
    const rule = `.${prefix}${name}{background-image:url(data:image/jpeg;base64,${jpeg.toString("base64")})}`;
    if (length + rule.length > limit) break;
    length += rule.length;
    sheets.push(rule);
    for (const [index, { key }] of part.entries()) {
      const tile = tiles[index];
      const place = tile === undefined ? ["gone"] : placeOf(name, index, tile);
      shown.set(key, trusted(classes(place)));
    }
  }
  return {
    css: [rules(prefix, side), ...sheets].join("\n"),
    length,
    show: (key, alternative) => {
      const place = shown.get(key);
      return place && html`<i class="${place}" role="img" aria-label="${alternative}"></i>`;
    },
  };
}

function placeOf(sheet: string, index: number, { width, height }: Thumbnail): string[] {
  return [sheet, `x${index % ACROSS}`, `y${Math.floor(index / ACROSS)}`, `w${width}`, `h${height}`];
}

/** Places and sizes as classes, since a strict page has no style attributes. */
function rules(prefix: string, side: number): string {
  const steps = Array.from({ length: ACROSS }, (_, i) => i);
  const extents = Array.from({ length: Math.floor(side / 2) + 1 }, (_, i) => i * 2).filter((at) => at >= 8);
  return [
    `.${prefix}t{display:block;background-repeat:no-repeat;border-radius:4px}`,
    `.${prefix}gone{width:${side}px;height:${Math.round(side * 0.75)}px;background:var(--missing)}`,
    ...steps.map((i) => `.${prefix}x${i}{background-position-x:${-i * side}px}`),
    ...steps.map((i) => `.${prefix}y${i}{background-position-y:${-i * side}px}`),
    ...extents.map((at) => `.${prefix}w${at}{width:${at}px}.${prefix}h${at}{height:${at}px}`),
  ].join("");
}

/** Copies thumbnails, row by row of pixels, beside and below each other. */
async function drawSheet(
  tiles: readonly (Thumbnail | undefined)[],
  side: number,
  quality: number,
): Promise<Buffer> {
  const width = Math.min(ACROSS, tiles.length) * side;
  const height = Math.ceil(tiles.length / ACROSS) * side;
  const pixels = Buffer.alloc(width * height * 3, 0xff);
  for (const [index, tile] of tiles.entries()) {
    if (tile === undefined) continue;
    const left = (index % ACROSS) * side;
    const top = Math.floor(index / ACROSS) * side;
    for (let row = 0; row < side; row++)
      pixels.set(
        tile.pixels.subarray(row * side * 3, (row + 1) * side * 3),
        ((top + row) * width + left) * 3,
      );
  }
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: "4:2:0" })
    .toBuffer();
}
