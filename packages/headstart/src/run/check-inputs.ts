import { type Backbone, composeFront, fixedImageSize } from "../backbones/index.js";
import {
  APPEARANCE_SPACE,
  type Appearance,
  AppearanceMaker,
  FeatureStore,
  type Glimpse,
  glimpse,
  mapBounded,
  PhotoLoader,
  type Rows,
  readAppearances,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { cacheFolder, cacheLimit } from "../files.js";
import type { Runtime } from "../runtime/index.js";
import { extractFeatures, type Failures, type FeaturePhoto, RECIPES } from "../training/index.js";
import type { OnCheckProgress } from "./check.js";

/** Appearances that are computed and stored at once. */
const AT_ONCE = 256;

/** Photos that are read at once. */
const READERS = 8;

/** What photos are checked by: row i of each is of the i-th photo that can be decoded. */
export interface CheckInputs {
  readonly features: Rows;
  readonly appearances: readonly Appearance[];
  /** Brightness of small pictures, `[N, SMALL * SMALL]`. */
  readonly grey: Float32Array<ArrayBuffer>;
}

/** What reads the photos that are checked. */
export interface CheckReading {
  readonly runtime: Runtime;
  readonly backbone: Backbone;
  readonly signal: AbortSignal | undefined;
  readonly report: OnCheckProgress;
}

/**
 * Brings features and appearances of photos into the store. A photo whose features are not there yet is decoded once for both; where
 * only its appearance is missing, it is decoded as small as can be.
 *
 * @param photos - one of each content
 * @returns `failures`: the photos that cannot be decoded; `read`: gives the inputs of others. `close` before the end
 */
export async function openCheckInputs(
  { runtime, backbone, signal, report }: CheckReading,
  photos: readonly FeaturePhoto[],
): Promise<{
  readonly failures: Failures;
  readonly read: (digests: readonly string[]) => Promise<CheckInputs>;
}> {
  // The features are those that the default recipe trains on.
  const { resize, batchSize, stages } = RECIPES.default;
  const imageSize = fixedImageSize(backbone) ?? stages[0]?.imageSize ?? backbone.imageSize;
  const options = { limit: cacheLimit() };
  const store = await FeatureStore.open(
    cacheFolder(),
    {
      backbone: backbone.digest,
      size: imageSize,
      precision: backbone.precision,
      preprocessing: JSON.stringify({ resize, ...backbone.preprocessing }),
    },
    options,
  );
  const seen = await FeatureStore.open(cacheFolder(), APPEARANCE_SPACE, options);
  const maker = await AppearanceMaker.create(runtime);
  const loader = await PhotoLoader.create(runtime, imageSize, resize);
  const waiting: { readonly digest: string; readonly glimpse: Glimpse }[] = [];
  const flush = async (least: number) => {
    while (waiting.length >= least && waiting.length > 0) {
      const part = waiting.splice(0, AT_ONCE);
      const rows = await maker.make(part.map((one) => one.glimpse));
      for (const [i, { digest, glimpse: found }] of part.entries()) {
        const row = rows[i];
        if (row) await seen.add(digest, row, found.truncated);
      }
    }
  };
  try {
    const missing = new Set(await seen.missing(photos.map(({ digest }) => digest)));
    const failures = new Map(
      await extractFeatures(runtime, { graph: composeFront(backbone), features: backbone.features }, photos, {
        imageSize,
        batchSize,
        decode: async ({ path, digest }, into) => {
          const { truncated } = await loader.load(path, into);
          if (missing.delete(digest)) {
            const found = await glimpse(path, { pixels: into, size: imageSize, truncated });
            waiting.push({ digest, glimpse: found });
            await flush(AT_ONCE);
          }
          return { truncated };
        },
        store,
        ...(signal && { signal }),
        onProgress: (done, total) => report({ phase: "features", done, total, detail: "" }),
      }),
    );
    const others = photos.filter(({ digest }) => missing.has(digest) && !failures.has(digest));
    let done = 0;
    await mapBounded(others, READERS, async ({ path, digest }) => {
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The check was interrupted.");
      const found = await glimpse(path).catch((error: unknown) => {
        if (!(error instanceof HeadstartError)) throw error;
        failures.set(digest, error.message);
        return undefined;
      });
      if (found) waiting.push({ digest, glimpse: found });
      await flush(AT_ONCE);
      report({ phase: "looking at photos", done: ++done, total: others.length, detail: "" });
    });
    await flush(0);
    return {
      failures,
      read: async (digests) => {
        const { features, length } = await store.load(digests);
        return {
          features: { values: features, width: length },
          ...readAppearances(await seen.load(digests)),
        };
      },
    };
  } finally {
    await maker.close();
    await loader.close();
    await store.close();
    await seen.close();
    const note = store.warning ?? seen.warning;
    if (note !== undefined) report({ note });
  }
}
