import { copyFile, mkdir } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import sharp from "sharp";
import { createRandom, type Random } from "../../packages/headstart/dist/random.js";

/** A labelled photo, as far as faults are planted in it. */
export interface Source {
  readonly path: string;
  readonly name: string;
  readonly className: string;
}

/** Ways in which a photo is copied so that the file differs and the picture does not. */
export const NEAR_COPIES = ["quality 60", "scaled to 70 %", "cropped 8 %", "mirrored"] as const;

/** One of {@link NEAR_COPIES}. */
export type NearCopy = (typeof NEAR_COPIES)[number];

/**
 * Writes a near copy of a photo as JPEG: encoded at quality 60; scaled to 70 % of each side; cropped by 8 % of each side, anywhere; or mirrored
 * left to right. All but the first have quality 90.
 *
 * @param random - decides where a crop lies
 */
export async function nearCopy(source: string, target: string, way: NearCopy, random: Random): Promise<void> {
  const upright = sharp(await sharp(source).autoOrient().png({ compressionLevel: 0 }).toBuffer());
  const { width, height } = await upright.metadata();
  const [shownWidth, shownHeight] = [Math.round(width * 0.92), Math.round(height * 0.92)];
  const left = random.integer(width - shownWidth + 1);
  const top = random.integer(height - shownHeight + 1);
  const changed = {
    "quality 60": () => upright,
    "scaled to 70 %": () =>
      upright.resize(Math.round(width * 0.7), Math.round(height * 0.7), { fit: "fill" }),
    "cropped 8 %": () => upright.extract({ left, top, width: shownWidth, height: shownHeight }),
    mirrored: () => upright.flop(),
  }[way]();
  await mkdir(dirname(target), { recursive: true });
  await changed.jpeg({ quality: way === "quality 60" ? 60 : 90 }).toFile(target);
}

/** Copies a photo to another class or split under a name that says where it comes from. */
export async function exactCopy(source: Source, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const target = join(folder, plantedName(source, "copy"));
  await copyFile(source.path, target);
  return target;
}

/** The name of a file that is made of a photo. */
export function plantedName({ name }: Source, what: string): string {
  const extension = extname(name) || ".jpg";
  return `${name.replaceAll("/", "_").slice(0, -extname(name).length || undefined)}-${what.replaceAll(/\W+/g, "")}${extension}`;
}

/** Copies photos into class folders of a split, each under its own name. */
export async function copyPhotos(photos: readonly Source[], folder: string): Promise<void> {
  for (const { path, className } of photos) {
    await mkdir(join(folder, className), { recursive: true });
    await copyFile(path, join(folder, className, basename(path)));
  }
}

/**
 * Labels of which 8 % are another class, drawn evenly.
 *
 * @returns for each photo its label
 */
export function flipped(labels: readonly number[], classes: number, seed: number): number[] {
  const random = createRandom("flip", seed);
  const rows = random.shuffle(labels.map((_, row) => row)).slice(0, Math.round(0.08 * labels.length));
  const wrong = [...labels];
  for (const row of rows) wrong[row] = ((labels[row] ?? 0) + 1 + random.integer(classes - 1)) % classes;
  return wrong;
}
