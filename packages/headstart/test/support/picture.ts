import sharp from "sharp";

/** A decoded picture that answers what colour a pixel has, as "#rrggbb". */
export interface Picture {
  width: number;
  height: number;
  colourAt(x: number, y: number): string;
  /** How many pixels of the rectangle have another colour than `ground`. */
  ink(left: number, top: number, width: number, height: number, ground?: string): number;
}

/** Decodes a PNG for a test to look at. */
export async function openPicture(png: Uint8Array): Promise<Picture> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const colourAt = (x: number, y: number) => {
    const at = (y * info.width + x) * 3;
    return `#${data.subarray(at, at + 3).toString("hex")}`;
  };
  const ink = (left: number, top: number, width: number, height: number, ground = "#ffffff") => {
    let count = 0;
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++) if (colourAt(x, y) !== ground) count++;
    }
    return count;
  };
  return { width: info.width, height: info.height, colourAt, ink };
}

/** A photo of one colour, as a PNG file's bytes. */
export function plainPhoto(width: number, height: number, background: string): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
}
