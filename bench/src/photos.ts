import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { createRandom } from "../../packages/headstart/dist/random.js";

/** The demo's 400 photos of five flowers. */
export const DEMO_PHOTOS = fileURLToPath(new URL("../../demo/photos", import.meta.url));

/** The demo's ten other photos. */
export const OWN_PHOTOS = fileURLToPath(new URL("../../demo/own", import.meta.url));

/**
 * Fills a folder with JPEG photos of four classes, every one different: coloured noise, as large as asked.
 *
 * @param folder - made where it is missing
 * @param count - photos of all classes together
 * @param size - width and height, in pixels
 */
export async function generatePhotos(folder: string, count: number, size: number): Promise<void> {
  const classes = ["blue", "green", "grey", "red"];
  for (const name of classes) await mkdir(join(folder, name), { recursive: true });
  const write = async (number: number) => {
    const label = number % classes.length;
    const random = createRandom("photo", number);
    const pixels = new Uint8Array(size * size * 3);
    for (let i = 0; i < pixels.length; i++)
      pixels[i] = 80 + random.integer(100) + (i % 3 === (label + 2) % 4 ? 60 : 0);
    await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .jpeg({ quality: 80 })
      .toFile(join(folder, classes[label] ?? "", `${number}.jpg`));
  };
  for (let start = 0; start < count; start += 32)
    await Promise.all(Array.from({ length: Math.min(32, count - start) }, (_, i) => write(start + i)));
}
