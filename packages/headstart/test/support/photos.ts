import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";

/** Classes that no classifier can confuse: each has a colour of its own. */
export const COLOURS = { cat: [200, 60, 50], dog: [60, 170, 70], fox: [60, 80, 200] } as const;

/** A class of {@link COLOURS}. */
export type Colour = keyof typeof COLOURS;

/** Writes a small JPEG: a rectangle on a ground in the class's colour; the number varies its shade, size and place. */
export async function drawPhoto(path: string, colour: Colour, number: number): Promise<void> {
  const vary = (step: number, range: number) => (number * step) % range;
  const [r, g, b] = COLOURS[colour].map((level, channel) => level - 20 + vary(13 + 4 * channel, 41));
  const [width, height] = [64 + vary(7, 33), 64 + vary(11, 29)];
  const size = { width: 12 + vary(5, 17), height: 12 + vary(3, 19) };
  const grey = 40 + vary(29, 176);
  const mark = { create: { ...size, channels: 3 as const, background: { r: grey, g: grey, b: grey } } };
  await mkdir(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: { r: r ?? 0, g: g ?? 0, b: b ?? 0 } } })
    .composite([{ input: mark, left: vary(17, 32), top: vary(19, 32) }])
    .jpeg()
    .toFile(path);
}

/** Fills a folder with photos, a folder for each class of {@link COLOURS}: cat/01.jpg and so on. */
export async function drawPhotos(folder: string, perClass: number): Promise<void> {
  for (const colour of Object.keys(COLOURS) as Colour[])
    for (let number = 1; number <= perClass; number++)
      await drawPhoto(join(folder, colour, `${String(number).padStart(2, "0")}.jpg`), colour, number);
}
