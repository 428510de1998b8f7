import { type PhotoFormat, SNIFF_BYTES, sniff } from "../sniff.js";

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

/**
 * Reads the header of a file that has been decoded.
 *
 * @param bytes - the file's content
 */
export async function readHeader(bytes: Uint8Array): Promise<PhotoHeader> {
  return (await readJpegHeader(bytes)) ?? (await readAnyHeader(bytes));
}

/** The header of a JPEG, which most photos are, in a hundredth of the time; undefined where it is not one, or an odd one. */
async function readJpegHeader(bytes: Uint8Array): Promise<PhotoHeader | undefined> {
  const found = sniff(bytes.subarray(0, SNIFF_BYTES));
  if ("reason" in found || found.format !== "jpeg") return undefined;
  const { imageSize } = await import("image-size");
  try {
    const { width, height, orientation = 1 } = imageSize(bytes);
    if (!(orientation >= 1 && orientation <= 8)) return undefined;
    const [across, down] = orientation < 5 ? [width, height] : [height, width];
    return { width: across, height: down, orientation, format: "jpeg" };
  } catch {
    return undefined;
  }
}

async function readAnyHeader(bytes: Uint8Array): Promise<PhotoHeader> {
  const { default: sharp } = await import("sharp");
  const image = sharp(bytes, { failOn: "none", limitInputPixels: false });
  const { autoOrient, orientation = 1, format } = await image.metadata();
  // AVIF is called by the container that it shares with HEIC.
  return { ...autoOrient, orientation, format: PHOTO_FORMATS.find((name) => name === format) ?? "avif" };
}
