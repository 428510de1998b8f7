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
import { extractFeatures, type Failures, type LabelledFeatures } from "../training/index.js";
import type { RunContext } from "./context.js";
import { photosOf } from "./dataset.js";

/** The photos of a run at one image size: their pixels, and their features in the store. */
export class SizedPhotos {
  readonly imageSize: number;
  readonly #store: FeatureStore;
  readonly #context: RunContext;
  readonly #loader: PhotoLoader;
  readonly #cache: DecodedCache | undefined;

  private constructor(
    context: RunContext,
    imageSize: number,
    store: FeatureStore,
    loader: PhotoLoader,
    cache: DecodedCache | undefined,
  ) {
    this.#context = context;
    this.imageSize = imageSize;
    this.#store = store;
    this.#loader = loader;
    this.#cache = cache;
  }

  static async open(context: RunContext, imageSize: number): Promise<SizedPhotos> {
    const { backbone, choices, runtime } = context;
    const { resize, augmentation } = choices.recipe;
    const folder = cacheFolder();
    const limit = cacheLimit();
    const store = await FeatureStore.open(
      folder,
      {
        backbone: backbone.digest,
        size: imageSize,
        precision: backbone.precision,
        preprocessing: JSON.stringify({ resize, ...backbone.preprocessing }),
      },
      { limit },
    );
    const loader = await PhotoLoader.create(runtime, imageSize, resize);
    // Only augmented photos are seen more than once.
    const cache =
      augmentation === null ? undefined : DecodedCache.open(folder, { size: imageSize, resize, limit });
    return new SizedPhotos(context, imageSize, store, loader, cache);
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
    const { backbone, choices, report, runtime, signal } = this.#context;
    return extractFeatures(runtime, backbone, photos, {
      imageSize: this.imageSize,
      batchSize: choices.recipe.batchSize,
      decode: (photo, into) => this.load(photo, into),
      store: this.#store,
      ...(signal && { signal }),
      onProgress: (done, total) => report({ kind: "progress", phase: "features", done, total, detail }),
    });
  }

  /** The features of these photos, float [N, D], and which of the photos were cut off or damaged. */
  async features(
    photos: readonly Photo[],
  ): Promise<{ readonly features: Tensor; readonly truncated: Photo[] }> {
    const { features, truncated } = await this.#store.load(photos.map(({ digest }) => digest));
    return {
      features: float32([photos.length, this.#context.backbone.features], features),
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
    read: async (rows) => floats((await sized.features(rows.flatMap((row) => photos[row] ?? []))).features),
  };
}
