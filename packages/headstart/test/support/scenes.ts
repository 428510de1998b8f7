import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import sharp, { type Sharp } from "sharp";
import { createRandom } from "../../src/random.js";

/** The ground and the blobs of scenes of each class. */
const COLOURS = { cat: [200, 60, 50], dog: [60, 170, 70], fox: [60, 80, 200] } as const;

/** A class of scenes. */
export type SceneClass = keyof typeof COLOURS;

/**
 * A photo that is like no other of another number: soft blobs on a ground in the class's colour.
 *
 * @param className - gives the colour
 * @param number - gives the blobs
 * @param size - width and height, in pixels
 */
export function scene(className: SceneClass, number: number, size = 64): Sharp {
  const random = createRandom("scene", className, number);
  const colour = COLOURS[className];
  const blobs = Array.from({ length: 30 }, () => ({
    x: random.uniform(),
    y: random.uniform(),
    width: random.between(0.03, 0.15),
    level: random.between(-110, 110),
  }));
  const pixels = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [((i % size) + 0.5) / size, (Math.floor(i / size) + 0.5) / size];
    const light = blobs.reduce(
      (sum, blob) =>
        sum + blob.level * Math.exp(-((x - blob.x) ** 2 + (y - blob.y) ** 2) / (2 * blob.width ** 2)),
      0,
    );
    for (const [channel, level] of colour.entries())
      pixels[i * 3 + channel] = Math.max(0, Math.min(255, level + light));
  }
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
}

/** Writes a picture as JPEG, and makes the folder where it is missing. */
export async function writeJpeg(path: string, picture: Sharp, quality = 90): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await picture.jpeg({ quality }).toFile(path);
}
