import { basename } from "node:path";
import { type ListedPhoto, listPhotos, PhotoLoader, type Skipped } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { writeAtomically } from "../files.js";
import { type Graph, GraphBuilder } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { drawSheet, type SheetRow } from "../report/index.js";
import { Runtime, type Session } from "../runtime/index.js";
import {
  drawInputs,
  mixes,
  type Recipe,
  type RecipeOverrides,
  recipeOf,
  type ViewChoices,
  viewStage,
} from "../training/index.js";

/** The most photos that a contact sheet shows. */
export const SHEET_LIMIT = 40;

/** The most photos that are augmented at once, and mixed with each other. */
const BATCH_LIMIT = 20;

/** Choices for {@link drawAugmented}. */
export interface AugmentOptions extends Pick<RecipeOverrides, "augmentation" | "mixup" | "cutmix"> {
  /** A recipe that augments: its name, a YAML file, or a recipe of one's own. Default: `fine-tune`. */
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
 * at the recipe's first image size. Where photos are mixed, the photos of the sheet are mixed with each other.
 *
 * @param photos - photos, and folders that are searched for photos
 * @param options - recipe, what takes the place of its augmentation, mixup and cutmix, seed, where to write, how many views
 * @throws HeadstartError `INVALID_OPTION` for choices that change nothing, and for mixing a single photo; `INVALID_PHOTO` if no photo can be
 *   decoded; `NOT_FOUND`, `STORAGE`; as `resolveRecipe` for the recipe
 *
 * @example
 * import { drawAugmented } from "headstart";
 * await drawAugmented(["dog.jpg"], { augmentation: "strong", out: "sheet.png" });
 * await drawAugmented(["photos/cat", "photos/dog"], { mixup: 0.2, cutmix: 1, out: "mixed.png" });
 */
export async function drawAugmented(
  photos: readonly string[],
  options: AugmentOptions = {},
): Promise<AugmentedSheet> {
  const { seed = 0, out = "sheet.png", views = 7 } = options;
  const recipe = await chosenRecipe(options);
  if (!Number.isInteger(views) || views < 1 || views > 100)
    throw new HeadstartError("INVALID_OPTION", `There are 1 to 100 views of a photo, not ${views}.`);
  const size = recipe.stages[0]?.imageSize ?? 224;
  const listed = await listPhotos(photos);
  const skipped: Skipped[] = [...listed.skipped];
  const shown: Shown[] = [];
  const rows: SheetRow[] = [];
  const runtime = Runtime.start();
  try {
    const loader = await PhotoLoader.create(runtime, size, recipe.resize);
    for (const photo of listed.photos.slice(0, SHEET_LIMIT)) {
      const loaded = await load(photo, loader);
      if ("reason" in loaded) skipped.push(loaded);
      else shown.push(loaded);
    }
    if (shown.length === 0) throw nothingToDraw(skipped);
    if (mixes(recipe) && shown.length === 1) throw nothingToMix();
    const session = await runtime.load(composeViews(recipe, size));
    for (const [number, batch] of batchesOf(shown).entries())
      rows.push(...(await drawRows(session, batch, { recipe, size, views, seed, number })));
  } finally {
    await runtime.close();
  }
  await writeAtomically(out, await drawSheet(rows, { title: titleOf(recipe, options, size) }));
  return { out, shown: rows.length, found: listed.photos.length, skipped };
}

/** A photo as pixels. */
interface Shown {
  readonly name: string;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

interface RowOptions {
  readonly recipe: ViewChoices;
  readonly size: number;
  readonly views: number;
  readonly seed: number;
  /** The batch's number, so that each has views of its own. */
  readonly number: number;
}

async function chosenRecipe({ recipe, augmentation, mixup, cutmix }: AugmentOptions): Promise<Recipe> {
  const chosen = await recipeOf(recipe ?? "fine-tune", {
    ...(augmentation !== undefined && { augmentation }),
    ...(mixup !== undefined && { mixup }),
    ...(cutmix !== undefined && { cutmix }),
  });
  if (chosen.augmentation !== null || mixes(chosen)) return chosen;
  throw new HeadstartError(
    "INVALID_OPTION",
    `The recipe ${chosen.name} takes photos as they are${augmentation === undefined ? "" : " with that augmentation"}: it does not augment.`,
    "Choose one that does, such as fine-tune or keras-classic.",
  );
}

function titleOf({ name, mixup, cutmix }: Recipe, { augmentation }: AugmentOptions, size: number): string {
  const parts = [
    name,
    ...(typeof augmentation === "string" ? [`augmentation ${augmentation}`] : []),
    ...(mixup > 0 ? [`mixup ${mixup}`] : []),
    ...(cutmix > 0 ? [`cutmix ${cutmix}`] : []),
  ];
  return `${parts.join(", ")} at ${size} pixels`;
}

async function load({ path, name }: ListedPhoto, loader: PhotoLoader): Promise<Shown | Skipped> {
  const pixels = new Uint8Array(loader.size ** 2 * 3);
  try {
    await loader.load(path, pixels);
    return { name, pixels };
  } catch (error) {
    if (error instanceof HeadstartError && error.code === "INVALID_PHOTO")
      return { name, reason: error.message };
    throw error;
  }
}

/** Batches of about the same size, so that no photo is left alone with nothing to be mixed with. */
function batchesOf(shown: readonly Shown[]): readonly (readonly Shown[])[] {
  const count = Math.ceil(shown.length / BATCH_LIMIT);
  const start = (batch: number) => Math.round((batch * shown.length) / count);
  return Array.from({ length: count }, (_, batch) => shown.slice(start(batch), start(batch + 1)));
}

/** Draws one view of every photo of a batch at a time, as a step of training does. */
async function drawRows(
  session: Session,
  batch: readonly Shown[],
  { recipe, size, views, seed, number }: RowOptions,
): Promise<SheetRow[]> {
  const bytes = size * size * 3;
  const tile = (pixels: Uint8Array) => ({ pixels, width: size, height: size });
  const rows = batch.map(({ name, pixels }) => ({ title: basename(name), views: [tile(pixels)] }));
  for (let view = 0; view < views; view++) {
    const data = new Uint8Array(batch.length * bytes);
    for (const [row, { pixels }] of batch.entries()) data.set(pixels, row * bytes);
    const random = createRandom(seed, "contact sheet", number, view);
    const { share: _, ...inputs } = drawInputs(random, recipe, batch.length, size);
    const made = await session.run<"views">({
      image: { type: "uint8", dims: [batch.length, size, size, 3], data },
      ...inputs,
    });
    for (const [row, { views: drawn }] of rows.entries())
      drawn.push(tile(made.views.data.subarray(row * bytes, (row + 1) * bytes)));
  }
  return rows;
}

/** Views as pixels: `image` uint8 [N, S, S, 3] and the inputs of the views in, `views` uint8 [N, S, S, 3] out. */
function composeViews(choices: ViewChoices, size: number): Graph {
  const b = new GraphBuilder("augmented views");
  const image = b.input("image", "uint8", ["N", size, size, 3]);
  const planes = b.node("Cast", [b.node("Transpose", [image], { perm: [0, 3, 1, 2] })], { to: 1 });
  const viewed = viewStage(choices, size)(b, planes);
  const rounded = b.node("Round", [b.node("Clip", [viewed, b.scalar(0), b.scalar(255)])]);
  const rows = b.node("Transpose", [b.node("Cast", [rounded], { to: 2 })], { perm: [0, 2, 3, 1] });
  b.output("views", "uint8", ["N", size, size, 3], rows);
  return b.build();
}

function nothingToDraw(skipped: readonly Skipped[]): HeadstartError {
  return new HeadstartError(
    "INVALID_PHOTO",
    "There is no photo to draw.",
    skipped.map((file) => `${file.name}: ${file.reason}`)[0] ?? "Give photos, or folders that hold some.",
  );
}

function nothingToMix(): HeadstartError {
  return new HeadstartError(
    "INVALID_OPTION",
    "Mixup and cutmix mix photos with each other, and there is only one.",
    "Give more photos, or leave out mixup and cutmix.",
  );
}
