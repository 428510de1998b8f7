import sharp, { type Sharp } from "sharp";
import { HeadstartError } from "../errors.js";

/** A small RGB picture, 8 bits a channel, row after row. */
export interface Tile {
  /** `[height, width, 3]` bytes. */
  pixels: Uint8Array;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
}

/** Formats that sharp reads and that are no photos. */
const NO_PHOTO = new Set(["svg", "pdf"]);

/**
 * Decodes a photo and fits it whole into a white square, upright as its EXIF orientation says. Truncated photos come as far as they go.
 *
 * @param photo - a path, or a file's bytes
 * @param size - side of the square in pixels
 * @throws whatever sharp throws for what it cannot decode; HeadstartError `INVALID_PHOTO` for a drawing such as an SVG
 */
export async function photoTile(photo: string | Uint8Array, size: number): Promise<Tile> {
  const { format } = await sharp(photo).metadata();
  if (NO_PHOTO.has(format))
    throw new HeadstartError("INVALID_PHOTO", `A file of the format ${format} is not a photo.`);
  return fit(sharp(photo, { failOn: "none" }).autoOrient(), size);
}

/** Fits raw RGB pixels whole into a white square of `size` pixels a side. */
export function pixelTile({ pixels, width, height }: Tile, size: number): Promise<Tile> {
  return fit(sharp(pixels, { raw: { width, height, channels: 3 } }), size);
}

async function fit(picture: Sharp, size: number): Promise<Tile> {
  const white = "#ffffff";
  const { data, info } = await picture
    .flatten({ background: white })
    .resize(size, size, { fit: "contain", background: white })
    .toColourspace("srgb")
    .removeAlpha()
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width, height: info.height };
}
