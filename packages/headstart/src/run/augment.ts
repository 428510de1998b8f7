import { basename } from "node:path";
import {
  type Augmentation,
  drawAugmentation,
  type ListedPhoto,
  listPhotos,
  PhotoLoader,
  type Skipped,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { writeAtomically } from "../files.js";
import { type Graph, GraphBuilder } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { drawSheet, type SheetRow } from "../report/index.js";
import { Runtime, type Session } from "../runtime/index.js";
import { affineStage, type Recipe, resolveRecipe } from "../training/index.js";

/** The most photos that a contact sheet shows. */
export const SHEET_LIMIT = 40;

/** Choices for {@link drawAugmented}. */
export interface AugmentOptions {
  /** A recipe that augments: its name, or a recipe of one's own. Default: `keras-classic`. */
  readonly recipe?: string | Recipe;
  /** What the views are drawn from. Default: 0. */
  readonly seed?: number;
  /** The picture that is written. Default: `sheet.png`. */
  readonly out?: string;
  /** Views of each photo. Default: 7. */
  readonly views?: number;
}

/** A contact sheet that was drawn. */
export interface AugmentedSheet {
  /** Its path. */
  readonly out: string;
  /** How many photos it shows, at most 40. */
  readonly shown: number;
  /** How many photos were found. */
  readonly found: number;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Draws a contact sheet: a row for each photo, first the photo as it is, then views of it as training sees them, made by the same graph
 * at the recipe's first image size.
 *
 * @param photos - photos, and folders that are searched for photos
 * @param options - recipe, seed, where to write, how many views
 * @throws HeadstartError `INVALID_OPTION` for a recipe that does not augment; `INVALID_PHOTO` if no photo can be decoded; `NOT_FOUND`,
 *   `STORAGE`
 *
 * @example
 * import { drawAugmented } from "headstart";
 * await drawAugmented(["dog.jpg"], { recipe: "keras-classic", out: "sheet.png" });
 */
export async function drawAugmented(
  photos: readonly string[],
  options: AugmentOptions = {},
): Promise<AugmentedSheet> {
  const { seed = 0, out = "sheet.png", views = 7 } = options;
  const { augmentation, name, resize, stages } = resolveRecipe(options.recipe ?? "keras-classic");
  if (augmentation === null)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The recipe ${name} takes photos as they are: it does not augment.`,
      "Choose one that does, such as keras-classic.",
    );
  if (!Number.isInteger(views) || views < 1 || views > 100)
    throw new HeadstartError("INVALID_OPTION", `There are 1 to 100 views of a photo, not ${views}.`);
  const size = stages[0]?.imageSize ?? 224;
  const listed = await listPhotos(photos);
  const skipped: Skipped[] = [...listed.skipped];
  const rows: SheetRow[] = [];
  const runtime = Runtime.start();
  try {
    const loader = await PhotoLoader.create(runtime, size, resize);
    const session = await runtime.load(composeViews(size));
    for (const photo of listed.photos.slice(0, SHEET_LIMIT)) {
      const row = await drawRow(photo, { loader, session, augmentation, seed, views, number: rows.length });
      if ("reason" in row) skipped.push(row);
      else rows.push(row);
    }
  } finally {
    await runtime.close();
  }
  if (rows.length === 0)
    throw new HeadstartError(
      "INVALID_PHOTO",
      "There is no photo to draw.",
      skipped.map((file) => `${file.name}: ${file.reason}`)[0] ?? "Give photos, or folders that hold some.",
    );
  await writeAtomically(out, await drawSheet(rows, { title: `${name} at ${size} pixels` }));
  return { out, shown: rows.length, found: listed.photos.length, skipped };
}

interface RowOptions {
  readonly loader: PhotoLoader;
  readonly session: Session;
  readonly augmentation: Augmentation;
  readonly seed: number;
  readonly views: number;
  /** The row's number, so that each photo has views of its own. */
  readonly number: number;
}

async function drawRow(
  { path, name }: ListedPhoto,
  { loader, session, augmentation, seed, views, number }: RowOptions,
): Promise<SheetRow | Skipped> {
  const { size } = loader;
  const bytes = size * size * 3;
  const pixels = new Uint8Array(bytes);
  try {
    await loader.load(path, pixels);
  } catch (error) {
    if (error instanceof HeadstartError && error.code === "INVALID_PHOTO")
      return { name, reason: error.message };
    throw error;
  }
  const random = createRandom(seed, "contact sheet", number);
  const affine = new Float32Array(views * 6);
  const data = new Uint8Array(views * bytes);
  for (let view = 0; view < views; view++) {
    affine.set(drawAugmentation(random, augmentation, size), view * 6);
    data.set(pixels, view * bytes);
  }
  const made = await session.run<"views">({
    image: { type: "uint8", dims: [views, size, size, 3], data },
    affine: { type: "float32", dims: [views, 2, 3], data: new Uint8Array(affine.buffer) },
  });
  const view = (of: Uint8Array) => ({ pixels: of, width: size, height: size });
  const drawn = Array.from({ length: views }, (_, i) =>
    view(made.views.data.subarray(i * bytes, (i + 1) * bytes)),
  );
  return { title: basename(name), views: [view(pixels), ...drawn] };
}

/** Augmented views as pixels: `image` uint8 [N, S, S, 3] and `affine` float [N, 2, 3] in, `views` uint8 [N, S, S, 3] out. */
function composeViews(size: number): Graph {
  const b = new GraphBuilder("augmented views");
  const image = b.input("image", "uint8", ["N", size, size, 3]);
  const planes = b.node("Cast", [b.node("Transpose", [image], { perm: [0, 3, 1, 2] })], { to: 1 });
  const viewed = affineStage(size)(b, planes);
  const rounded = b.node("Round", [b.node("Clip", [viewed, b.scalar(0), b.scalar(255)])]);
  const rows = b.node("Transpose", [b.node("Cast", [rounded], { to: 2 })], { perm: [0, 2, 3, 1] });
  b.output("views", "uint8", ["N", size, size, 3], rows);
  return b.build();
}
