import { type Backbone, composeFront } from "../backbones/index.js";
import {
  type Dataset,
  DecodedCache,
  decodeBatches,
  FeatureStore,
  type Photo,
  PhotoLoader,
  type Split,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { cacheFolder, cacheLimit } from "../files.js";
import { float32, floats, type Tensor } from "../onnx/index.js";
import { createRandom } from "../random.js";
import {
  drawInputs,
  extractFeatures,
  type Failures,
  type FeatureFront,
  type LabelledFeatures,
  viewStage,
} from "../training/index.js";
import { isDrawn, type RunContext } from "./context.js";
import { photosOf } from "./dataset.js";

/** The photos of a run at one image size: their pixels, and what a network makes of them in the store. */
export class SizedPhotos {
  readonly imageSize: number;
  readonly #store: FeatureStore;
  readonly #context: RunContext;
  readonly #network: Backbone;
  readonly #view: number | undefined;
  readonly #loader: PhotoLoader;
  readonly #cache: DecodedCache | undefined;

  private constructor(
    context: RunContext,
    imageSize: number,
    network: Backbone,
    view: number | undefined,
    store: FeatureStore,
    loader: PhotoLoader,
    cache: DecodedCache | undefined,
  ) {
    this.#context = context;
    this.#network = network;
    this.#view = view;
    this.imageSize = imageSize;
    this.#store = store;
    this.#loader = loader;
    this.#cache = cache;
  }

  /**
   * @param context - the run
   * @param imageSize - side of the square that photos are squashed to, in pixels
   * @param network - what makes the features: the run's whole backbone by default, or its frozen part
   * @param view - which of the recipe's stored views the features are of; by default they are of the photos as they are
   */
  static async open(
    context: RunContext,
    imageSize: number,
    network: Backbone = context.backbone,
    view?: number,
  ): Promise<SizedPhotos> {
    const { choices, frozen, runtime } = context;
    const { recipe, seed } = choices;
    const { resize, augmentation } = recipe;
    const folder = cacheFolder();
    const limit = cacheLimit();
    const store = await FeatureStore.open(
      folder,
      {
        backbone: network.digest,
        size: imageSize,
        precision: network.precision,
        preprocessing: JSON.stringify({
          resize,
          ...network.preprocessing,
          ...(view !== undefined && { augmentation, seed, view }),
        }),
      },
      { limit },
    );
    const loader = await PhotoLoader.create(runtime, imageSize, resize);
    const cache =
      isDrawn(recipe) || frozen === undefined
        ? DecodedCache.open(folder, { size: imageSize, resize, limit })
        : undefined;
    return new SizedPhotos(context, imageSize, network, view, store, loader, cache);
  }

  /** Decodes a photo to the image size, or reads it from the cache where it has been decoded before. */
  async load(
    { path, digest }: Pick<Photo, "path" | "digest">,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<{ readonly truncated: boolean }> {
    const known = await this.#cache?.read(digest, into);
    if (known !== undefined) return known;
    const { truncated } = await this.#loader.load(path, into);
    await this.#cache?.write(digest, into, truncated);
    return { truncated };
  }

  /** Decodes all of these photos, for the cache to hold; returns those that cannot be decoded. */
  async decode(photos: readonly Photo[]): Promise<Failures> {
    const { choices, report, runtime, signal } = this.#context;
    const failures = new Map<string, string>();
    const batches = decodeBatches(photos, {
      batchSize: choices.recipe.batchSize,
      size: this.imageSize,
      decode: (photo, into) => this.load(photo, into),
      allocate: (bytes) => runtime.allocate(bytes),
    });
    let done = 0;
    for await (const { indices, failed } of batches) {
      for (const { index, reason } of failed) failures.set(photos[index]?.digest ?? "", reason);
      done += indices.length + failed.length;
      report({ kind: "progress", phase: "decoding", done, total: photos.length, detail: "" });
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Decoding was interrupted.");
    }
    return failures;
  }

  /** Computes the features of these photos that are not in the store yet; returns those that cannot be decoded. */
  extract(photos: readonly Photo[], detail = ""): Promise<Failures> {
    const { choices, report, runtime, signal } = this.#context;
    return extractFeatures(runtime, this.#front(), photos, {
      imageSize: this.imageSize,
      batchSize: choices.recipe.batchSize,
      decode: (photo, into) => this.load(photo, into),
      store: this.#store,
      ...(signal && { signal }),
      onProgress: (done, total) => report({ kind: "progress", phase: "features", done, total, detail }),
    });
  }

  #front(): FeatureFront {
    const network = this.#network;
    const view = this.#view;
    const { recipe, seed } = this.#context.choices;
    const { augmentation } = recipe;
    if (view === undefined || augmentation === null)
      return { graph: composeFront(network), features: network.features };
    const choices = { augmentation, mixup: 0, cutmix: 0 };
    return {
      graph: composeFront(network, viewStage(choices, this.imageSize)),
      features: network.features,
      // Each photo's view is drawn by itself, whatever batch it is in.
      inputs: (batch) =>
        concatenated(
          batch.map(({ digest }) =>
            drawInputs(createRandom(seed, "view", view, digest), choices, 1, this.imageSize),
          ),
        ),
    };
  }

  /** The features of these photos, float [N, D], for which `memory` may be used, and which of the photos were cut off or damaged. */
  async features(
    photos: readonly Photo[],
    memory?: Float32Array<ArrayBuffer>,
  ): Promise<{ readonly features: Tensor; readonly truncated: Photo[] }> {
    const digests = photos.map(({ digest }) => digest);
    const { features, truncated } = await this.#store.load(digests, memory);
    return {
      features: float32([photos.length, this.#network.features], features),
      truncated: photos.filter((_, row) => truncated[row]),
    };
  }

  /** Frees the graph, and says what could not be kept for later runs. */
  async close(): Promise<void> {
    await this.#loader.close();
    await this.#store.close();
    for (const message of [this.#store.warning, this.#cache?.warning])
      if (message !== undefined) this.#context.report({ kind: "note", message });
  }
}

/** The features of a split's photos with their labels, read from the store when they are asked for. */
export function labelledFeatures(dataset: Dataset, split: Split, sized: SizedPhotos): LabelledFeatures {
  const { photos, labels } = photosOf(dataset, split);
  return {
    count: photos.length,
    labels,
    digests: photos.map(({ digest }) => digest),
    read: async (rows, memory) => {
      const chosen = rows.flatMap((row) => photos[row] ?? []);
      return floats((await sized.features(chosen, memory)).features);
    },
  };
}

/** Float inputs of single photos as those of a batch. */
function concatenated(each: readonly Readonly<Record<string, Tensor>>[]): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(each[0] ?? {}).map(([name, { dims }]) => {
      const values = each.flatMap((inputs) => (inputs[name] ? [...floats(inputs[name])] : []));
      return [name, float32([each.length, ...dims.slice(1)], values)];
    }),
  );
}
