import sharp from "sharp";
import { HeadstartError } from "../../errors.js";

/** A photo made small: it fills the upper left of its square. */
export interface Thumbnail {
  /** `[side, side, 3]` bytes; beside and below the photo its edge is repeated, so that JPEG draws no seam. */
  readonly pixels: Uint8Array;
  /** Of the photo, in pixels, at most the square's side. */
  readonly width: number;
  readonly height: number;
}

/** Formats that sharp reads and that are no photos. */
const NO_PHOTO = new Set(["svg", "pdf"]);
/** The least extent of a photo that is shown, so that a very wide one can still be seen. */
const LEAST_EXTENT = 8;

/**
 * Makes a photo small, whole and upright.
 *
 * @param photo - a path, or a file's bytes
 * @param side - of the square that it fits in, in pixels
 * @returns undefined for what cannot be decoded or is gone
 */
export async function thumbnailOf(photo: string | Uint8Array, side: number): Promise<Thumbnail | undefined> {
  try {
    const { format, autoOrient } = await sharp(photo).metadata();
    if (NO_PHOTO.has(format)) throw new HeadstartError("INVALID_PHOTO", `${format} is not a photo.`);
    const scale = side / Math.max(autoOrient.width, autoOrient.height);
    const fitted = (extent: number) =>
      Math.min(side, Math.max(LEAST_EXTENT, Math.round((extent * scale) / 2) * 2));
    const [width, height] = [fitted(autoOrient.width), fitted(autoOrient.height)];
    const pixels = await sharp(photo, { failOn: "none" })
      .autoOrient()
      .resize(width, height, { fit: "fill" })
      .flatten({ background: "#ffffff" })
      .extend({ right: side - width, bottom: side - height, extendWith: "copy" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer();
    return pixels.length === side * side * 3 ? { pixels, width, height } : undefined;
  } catch {
    return undefined;
  }
}
