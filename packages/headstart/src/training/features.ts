import { decodeBatches, type FeatureStore, type Photo } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { floats, type Graph, type Tensor } from "../onnx/index.js";
import type { Runtime } from "../runtime/index.js";

/** Batches that the runtime has been given before the first is done, so that it never waits. */
const UNDER_WAY = 2;

/** A photo, as far as its features are concerned. */
export type FeaturePhoto = Pick<Photo, "path" | "name" | "digest">;

/** What makes features of photos. */
export interface FeatureFront {
  /** Input `image` uint8 [N, S, S, 3] and those of `inputs`; output `features` float [N, D]. */
  readonly graph: Graph;
  /** D. */
  readonly features: number;
  /** What else the graph reads for some photos. */
  readonly inputs?: (photos: readonly FeaturePhoto[]) => Readonly<Record<string, Tensor>>;
}

/** How {@link extractFeatures} works. */
export interface ExtractOptions {
  readonly imageSize: number;
  readonly batchSize: number;
  /** Decodes a photo to the image size. */
  readonly decode: (
    photo: FeaturePhoto,
    into: Uint8Array<ArrayBuffer>,
  ) => Promise<{ readonly truncated: boolean }>;
  /** Where features go; those that it has are not computed. */
  readonly store: Pick<FeatureStore, "missing" | "add" | "flush">;
  readonly signal?: AbortSignal;
  /** Called with the number of different photos that are done: stored already, computed, or found not to be decodable. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Photos that could not be decoded, with the reason, by content hash. */
export type Failures = ReadonlyMap<string, string>;

/**
 * Brings the features of all photos into the store: those that are not there yet are decoded and sent through the backbone, decoding and
 * network side by side. The features of a photo do not depend on the photos in its batch.
 *
 * @returns the photos that could not be decoded
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it; what has been computed is stored
 */
export async function extractFeatures(
  runtime: Runtime,
  front: FeatureFront,
  photos: readonly FeaturePhoto[],
  options: ExtractOptions,
): Promise<Failures> {
  const { imageSize, store, signal, onProgress } = options;
  const unique = [...new Map(photos.map((photo) => [photo.digest, photo])).values()];
  const wanted = new Set(await store.missing(unique.map(({ digest }) => digest)));
  const missing = unique.filter(({ digest }) => wanted.has(digest));
  const failures = new Map<string, string>();
  let done = unique.length - missing.length;
  onProgress?.(done, unique.length);
  if (missing.length === 0) return failures;

  const session = await runtime.load(front.graph);
  const underWay: Promise<void>[] = [];
  try {
    const batches = decodeBatches(missing, {
      batchSize: options.batchSize,
      size: imageSize,
      decode: options.decode,
      allocate: (bytes) => runtime.allocate(bytes),
    });
    for await (const { pixels, indices, truncated, failed } of batches) {
      for (const { index, reason } of failed) failures.set(missing[index]?.digest ?? "", reason);
      done += failed.length;
      if (indices.length === 0) onProgress?.(done, unique.length);
      if (indices.length > 0) {
        const image = {
          type: "uint8",
          dims: [indices.length, imageSize, imageSize, 3],
          data: pixels,
        } as const;
        const others = front.inputs?.(indices.flatMap((index) => missing[index] ?? []));
        const running = session.run<"features">({ image, ...others }).then(async ({ features }) => {
          const values = floats(features);
          for (const [row, index] of indices.entries()) {
            const own = values.subarray(row * front.features, (row + 1) * front.features);
            await store.add(missing[index]?.digest ?? "", own, truncated.includes(index));
          }
          done += indices.length;
          onProgress?.(done, unique.length);
        });
        running.catch(() => undefined);
        underWay.push(running);
      }
      if (underWay.length >= UNDER_WAY) await underWay.shift();
      if (signal?.aborted) break;
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
    await store.flush();
    await session.close();
  }
  if (signal?.aborted)
    throw new HeadstartError(
      "INTERRUPTED",
      "Computing features was interrupted; those that are done are stored.",
    );
  return failures;
}
