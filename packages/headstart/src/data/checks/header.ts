import type { PhotoFormat } from "../sniff.js";

/** What a photo's file says of it before it is decoded. */
export interface PhotoHeader {
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  /** How the camera was held, as EXIF says it: 1 upright, 2 to 8 otherwise. */
  readonly orientation: number;
  readonly format: PhotoFormat;
}

/** All formats. */
export const PHOTO_FORMATS: readonly PhotoFormat[] = ["jpeg", "png", "webp", "gif", "tiff", "avif"];

/** Reads the header of a file that has been decoded. */
export async function readHeader(path: string): Promise<PhotoHeader> {
  const { default: sharp } = await import("sharp");
  const image = sharp(path, { failOn: "none", limitInputPixels: false });
  const { autoOrient, orientation = 1, format } = await image.metadata();
  // AVIF is called by the container that it shares with HEIC.
  return { ...autoOrient, orientation, format: PHOTO_FORMATS.find((name) => name === format) ?? "avif" };
}
