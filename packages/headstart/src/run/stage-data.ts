import { type Backbone, composeFront, composePhotos, type Divided } from "../backbones/index.js";
import type { Photo } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { int64 } from "../onnx/index.js";
import type { Random } from "../random.js";
import type { Input } from "../runtime/index.js";
import {
  composeStoredFront,
  drawInputs,
  type Recipe,
  type StageData,
  type Tail,
  viewStage,
} from "../training/index.js";
import { dividedAt, isDrawn, type RunContext } from "./context.js";
import { SizedPhotos } from "./sized-photos.js";

/** What a stage trains on, and what has to be closed behind it. */
interface Sources {
  readonly context: RunContext;
  readonly imageSize: number;
  readonly train: readonly Photo[];
  readonly validation: readonly Photo[];
}

/**
 * What a stage trains on. What the frozen part makes of photos that do not change is computed once and stored; photos that are drawn anew
 * go through it in the step; and where nothing is frozen, photos go into the step as they are.
 */
export async function openStage(
  context: RunContext,
  imageSize: number,
  train: readonly Photo[],
  validation: readonly Photo[],
): Promise<StageData> {
  const { recipe } = context.choices;
  const divided = dividedAt(context, imageSize);
  const sources = { context, imageSize, train, validation };
  const frozen = divided === undefined ? context.frozen : divided.trunk;
  if (frozen === undefined) return await photoStage(sources, divided);
  if (isDrawn(recipe) && recipe.views === null) return await drawnStage(sources, frozen, divided);
  return await storedStage(sources, frozen, divided);
}

/** Stored activations, of the photos as they are or of their views, which take turns. */
async function storedStage(
  sources: Sources,
  frozen: Backbone,
  divided: Divided | undefined,
): Promise<StageData> {
  const { context, imageSize, train, validation } = sources;
  const { choices, runtime } = context;
  const { views } = choices.recipe;
  const sized = await SizedPhotos.open(context, imageSize, frozen);
  await extractAll(sized, views === null ? [...train, ...validation] : validation);
  const stores = views === null ? [sized] : await openViews(sources, frozen, views);
  const measured = await storedValidation(sources, sized, divided);
  const close = async () => {
    await measured.close();
    for (const store of new Set([sized, ...stores])) await store.close();
  };
  if (divided === undefined && views === null) {
    // Features are small enough to stay with the runtime.
    const stored = await runtime.hold((await sized.features(train)).features);
    return {
      front: composeStoredFront(frozen.features),
      inputs: async ({ rows }) => ({ stored, row: int64([rows.length], rows) }),
      validation: measured.validation,
      close: async () => {
        await runtime.drop(stored);
        await close();
      },
    };
  }
  const name = divided === undefined ? "features" : "activations";
  return {
    ...tailOf(divided),
    inputs: async ({ rows, epoch }) => {
      const store = stores[epoch % stores.length] ?? sized;
      return { [name]: (await store.features(rows.flatMap((row) => train[row] ?? []))).features };
    },
    validation: measured.validation,
    close,
  };
}

/** The stored activations of each view of the training photos. */
async function openViews(
  { context, imageSize, train }: Sources,
  frozen: Backbone,
  views: number,
): Promise<SizedPhotos[]> {
  const stores: SizedPhotos[] = [];
  for (let view = 0; view < views; view++) {
    const store = await SizedPhotos.open(context, imageSize, frozen, view);
    stores.push(store);
    await extractAll(store, train, `view ${view + 1} of ${views}`);
  }
  return stores;
}

/** Photos with what is drawn for each, through augmentation and frozen part, in the step. */
async function drawnStage(
  sources: Sources,
  frozen: Backbone,
  divided: Divided | undefined,
): Promise<StageData> {
  const { context, imageSize, train, validation } = sources;
  const { recipe } = context.choices;
  const sized = await SizedPhotos.open(context, imageSize, frozen);
  await extractAll(sized, validation);
  const measured = await storedValidation(sources, sized, divided);
  return {
    front: composeFront(
      frozen,
      viewStage(recipe, imageSize),
      divided === undefined ? "features" : "activations",
    ),
    ...tailOf(divided),
    inputs: async ({ rows, random }) => await drawn(sources, sized, recipe, photosAt(train, rows), random),
    validation: measured.validation,
    close: async () => {
      await measured.close();
      await sized.close();
    },
  };
}

/** Photos through all of the network, in the step and to be measured. */
async function photoStage(sources: Sources, divided: Divided | undefined): Promise<StageData> {
  const { context, imageSize, train, validation } = sources;
  const { recipe } = context.choices;
  const { pretrained } = context;
  const sized = await SizedPhotos.open(context, imageSize, pretrained);
  return {
    front: composePhotos(pretrained, viewStage(recipe, imageSize)),
    ...tailOf(divided),
    inputs: async ({ rows, random }) => await drawn(sources, sized, recipe, photosAt(train, rows), random),
    validation: {
      front: composePhotos(pretrained),
      batchSize: recipe.batchSize,
      inputs: async (rows) => ({ image: await images(sources, sized, photosAt(validation, rows)) }),
    },
    close: () => sized.close(),
  };
}

/** The validation photos from what is stored of them. */
async function storedValidation(
  { context, validation }: Sources,
  sized: SizedPhotos,
  divided: Divided | undefined,
): Promise<{ readonly validation: StageData["validation"]; readonly close: () => Promise<void> }> {
  const { choices, runtime } = context;
  if (divided !== undefined)
    return {
      validation: {
        batchSize: choices.recipe.batchSize,
        inputs: async (rows) => ({
          activations: (await sized.features(photosAt(validation, rows))).features,
        }),
      },
      close: async () => undefined,
    };
  const features = await runtime.hold((await sized.features(validation)).features);
  return {
    validation: { batchSize: validation.length, inputs: async () => ({ features }) },
    close: () => runtime.drop(features),
  };
}

function tailOf(divided: Divided | undefined): { readonly tail?: Tail } {
  return divided === undefined ? {} : { tail: { ...divided, graph: divided.tail } };
}

function photosAt(photos: readonly Photo[], rows: readonly number[]): Photo[] {
  return rows.flatMap((row) => photos[row] ?? []);
}

async function drawn(
  sources: Sources,
  sized: SizedPhotos,
  recipe: Recipe,
  photos: readonly Photo[],
  random: Random,
): Promise<Record<string, Input>> {
  const inputs = drawInputs(random, recipe, photos.length, sources.imageSize);
  return { ...inputs, image: await images(sources, sized, photos) };
}

/** The pixels of photos, uint8 [N, S, S, 3]. */
async function images(
  { context, imageSize }: Sources,
  sized: SizedPhotos,
  photos: readonly Photo[],
): Promise<Input> {
  const bytes = imageSize * imageSize * 3;
  const data = context.runtime.allocate(photos.length * bytes);
  await Promise.all(
    photos.map((photo, i) =>
      sized.load(photo, data.subarray(i * bytes, (i + 1) * bytes)).catch((error: unknown) => {
        throw lostPhoto(photo, error instanceof Error ? error.message : String(error));
      }),
    ),
  );
  return { type: "uint8", dims: [photos.length, imageSize, imageSize, 3], data };
}

async function extractAll(sized: SizedPhotos, photos: readonly Photo[], detail = ""): Promise<void> {
  const failures = await sized.extract(photos, detail);
  const lost = photos.find(({ digest }) => failures.has(digest));
  if (lost !== undefined) throw lostPhoto(lost, failures.get(lost.digest));
}

/** A photo that could be decoded when training began cannot be left out in the middle: the run would not be the same. */
function lostPhoto({ name }: Photo, reason = ""): HeadstartError {
  return new HeadstartError(
    "INVALID_DATA",
    `The photo ${name} cannot be decoded any more. ${reason}`.trimEnd(),
    "The last whole epoch is saved: bring the photo back and go on with the run, or start a new one.",
  );
}
