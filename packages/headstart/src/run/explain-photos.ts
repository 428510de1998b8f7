import { PhotoLoader } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { type MapOptions, Mapper, type PhotoMap } from "../explain/index.js";
import { readProvenance } from "../model/index.js";
import type { Graph } from "../onnx/index.js";
import { HeatPainter, shownPhoto, type Tile } from "../report/index.js";
import type { Runtime } from "../runtime/index.js";

/** Photos that go through the network at once. */
const BATCH = 16;

/** A photo to explain. */
export interface PhotoToExplain {
  readonly path: string;
  /** Index of the class to explain; undefined for the most probable one. */
  readonly classIndex?: number | undefined;
}

/** What {@link PhotoExplainer.explain} says about one of many photos. */
export type ExplainedPhoto =
  | (PhotoMap & { readonly index: number })
  | {
      /** Which of the photos it is, counted from 0. */
      readonly index: number;
      /** Why it could not be decoded. */
      readonly reason: string;
    };

/** A classifier and all that explains what it says about photos in files. */
export class PhotoExplainer {
  readonly mapper: Mapper;
  readonly #runtime: Runtime;
  readonly #loader: PhotoLoader;
  readonly #painter: HeatPainter;

  private constructor(runtime: Runtime, mapper: Mapper, loader: PhotoLoader, painter: HeatPainter) {
    this.mapper = mapper;
    this.#runtime = runtime;
    this.#loader = loader;
    this.#painter = painter;
  }

  /**
   * Makes a classifier ready to be explained.
   *
   * @param runtime - runs it; stays open
   * @param classifier - a shipped classifier's graph
   * @param options - method and layer, as for `Mapper.load`
   * @throws HeadstartError as `Mapper.load`; `INVALID_MODEL` if it is no shipped classifier
   */
  static async load(runtime: Runtime, classifier: Graph, options: MapOptions = {}): Promise<PhotoExplainer> {
    const { imageSize, resize } = readProvenance(classifier);
    const mapper = await Mapper.load(runtime, classifier, imageSize, options);
    const loader = await PhotoLoader.create(runtime, imageSize, resize);
    return new PhotoExplainer(runtime, mapper, loader, await HeatPainter.load(runtime));
  }

  /**
   * Explains photos, in their order.
   *
   * @param photos - the photos
   * @param options - `signal`: ends it early
   * @throws HeadstartError `INTERRUPTED` when the signal asks for it; what `decodePhoto` throws for a photo that may not be read
   */
  async *explain(
    photos: readonly PhotoToExplain[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<ExplainedPhoto> {
    for (let start = 0; start < photos.length; start += BATCH) {
      const loaded = await Promise.all(
        photos.slice(start, start + BATCH).map(async (photo, i) => ({
          index: start + i,
          classIndex: photo.classIndex ?? -1,
          ...(await this.#load(photo.path)),
        })),
      );
      const usable = loaded.flatMap((photo) => ("pixels" in photo ? [photo] : []));
      const found = await this.#maps(usable, signal);
      for (const photo of loaded) {
        const map = found.get(photo.index);
        if (map !== undefined) yield { index: photo.index, ...map };
        else if ("reason" in photo) yield { index: photo.index, reason: photo.reason };
      }
    }
  }

  /**
   * A photo as it is and under its map.
   *
   * @param path - the photo
   * @param map - its map
   * @param size - the longest side in pixels
   */
  async paint(
    path: string,
    { map }: PhotoMap,
    size: number,
  ): Promise<{ readonly photo: Tile; readonly overlay: Tile }> {
    const photo = await shownPhoto(path, size);
    return { photo, overlay: await this.#painter.paint(photo, map) };
  }

  /** Frees the graphs. */
  async close(): Promise<void> {
    await this.mapper.close();
    await this.#loader.close();
    await this.#painter.close();
  }

  async #load(
    path: string,
  ): Promise<{ readonly pixels: Uint8Array<ArrayBuffer> } | { readonly reason: string }> {
    const pixels = new Uint8Array(this.#loader.size ** 2 * 3);
    try {
      await this.#loader.load(path, pixels);
      return { pixels };
    } catch (error) {
      if (error instanceof HeadstartError && error.code === "INVALID_PHOTO") return { reason: error.message };
      throw error;
    }
  }

  /** Maps by the photos' indices; occlusion takes one photo at a time, so that it can be stopped. */
  async #maps(
    photos: readonly { index: number; classIndex: number; pixels: Uint8Array<ArrayBuffer> }[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, PhotoMap>> {
    const found = new Map<number, PhotoMap>();
    const { size } = this.#loader;
    const bytes = size * size * 3;
    const step = this.mapper.method === "occlusion" ? 1 : Math.max(1, photos.length);
    for (let start = 0; start < photos.length; start += step) {
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Explaining was interrupted.");
      const some = photos.slice(start, start + step);
      const data = this.#runtime.allocate(some.length * bytes);
      for (const [row, { pixels }] of some.entries()) data.set(pixels, row * bytes);
      const image = { type: "uint8", dims: [some.length, size, size, 3], data } as const;
      const maps = await this.mapper.maps(
        image,
        some.map(({ classIndex }) => classIndex),
      );
      for (const [row, map] of maps.entries()) found.set(some[row]?.index ?? -1, map);
    }
    return found;
  }
}
