import { type Backbone, composeFront, fixedImageSize } from "../backbones/index.js";
import {
  APPEARANCE_SPACE,
  type Appearance,
  addAppearance,
  appearanceRow,
  composeAppearance,
  decodePhoto,
  FeatureStore,
  mapBounded,
  OF_PIXELS,
  type PhotoHeader,
  PhotoLoader,
  photoContent,
  type Rows,
  readAppearances,
  readGrey,
  readHeader,
  rowNumbers,
  SMALL,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { cacheFolder, cacheLimit } from "../files.js";
import { floats, type Graph, GraphBuilder, merge, uint8 } from "../onnx/index.js";
import type { Runtime } from "../runtime/index.js";
import {
  extractFeatures,
  type Failures,
  type FeaturePhoto,
  RECIPES,
  type Recipe,
} from "../training/index.js";
import { type OnProgress, teller } from "./progress.js";

/** What photos are checked by. */
export interface CheckInputs {
  /** Photos that cannot be decoded. */
  readonly failures: Failures;
  /** Content hashes of the others: row i of all that follows is of the i-th. */
  readonly rows: readonly string[];
  readonly features: Rows;
  readonly appearances: readonly Appearance[];
  /** Brightness of small pictures, `SMALL * SMALL` numbers each. */
  readonly grey: Rows;
}

/** The network whose features photos are compared by, and how photos are prepared for it. */
export interface CheckNetwork {
  readonly backbone: Backbone;
  readonly imageSize: number;
  readonly resize: Recipe["resize"];
}

/** A network with photos prepared as the default recipe does, so that its features are found by both. */
export function asByDefault(backbone: Backbone): CheckNetwork {
  const { resize, stages } = RECIPES.default;
  const imageSize = fixedImageSize(backbone) ?? stages[0]?.imageSize ?? backbone.imageSize;
  return { backbone, imageSize, resize };
}

/** What reads the photos that are checked. */
export interface CheckReading extends CheckNetwork {
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * Features and appearances of photos, from the store where they are there. A photo whose features are not there yet is decoded once for both;
 * where only its appearance is missing, it is decoded as small as can be. Features and pictures stay in the store until they are read.
 *
 * @param photos - one of each content
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it; what has been computed is stored
 */
export async function readCheckInputs(
  reading: CheckReading,
  photos: readonly FeaturePhoto[],
): Promise<CheckInputs> {
  const { backbone, imageSize: size, resize, onProgress } = reading;
  const { digest, precision } = backbone;
  const preprocessing = JSON.stringify({ resize, ...backbone.preprocessing });
  const options = { limit: cacheLimit() };
  const space = { backbone: digest, size, precision, preprocessing };
  const features = await FeatureStore.open(cacheFolder(), space, options);
  const appearances = await FeatureStore.open(cacheFolder(), APPEARANCE_SPACE, options);
  try {
    const undecoded = await readWhole(reading, photos, { features, appearances, size });
    const missing = new Set(await appearances.missing(photos.map((photo) => photo.digest)));
    const others = photos.filter((photo) => missing.has(photo.digest) && !undecoded.has(photo.digest));
    const failures = new Map([...undecoded, ...(await readSmall(reading, others, appearances))]);
    const rows = photos.map((photo) => photo.digest).filter((each) => !failures.has(each));
    const digestsOf = (chosen: readonly number[]) => chosen.map((row) => rows[row] ?? "");
    const seen: Appearance[] = [];
    for (let start = 0; start < rows.length; start += BLOCK_ROWS) {
      const chosen = rowNumbers(start, Math.min(rows.length, start + BLOCK_ROWS));
      seen.push(...readAppearances(await appearances.load(digestsOf(chosen))));
    }
    return {
      failures,
      rows,
      features: {
        count: rows.length,
        width: backbone.features,
        read: async (chosen, memory) => (await features.load(digestsOf(chosen), memory)).features,
      },
      appearances: seen,
      grey: {
        count: rows.length,
        width: SMALL ** 2,
        read: async (chosen) => readGrey(await appearances.load(digestsOf(chosen))),
      },
    };
  } finally {
    await features.close();
    await appearances.close();
    const message = features.warning ?? appearances.warning;
    if (message !== undefined) onProgress?.({ kind: "note", message });
  }
}

/** Rows that are read at once. */
const BLOCK_ROWS = 1024;

/** Where features and appearances go, and the image size that features are of. */
interface Places {
  readonly features: FeatureStore;
  readonly appearances: FeatureStore;
  readonly size: number;
}

/** Features of all photos that have none yet, and appearances of the same. */
async function readWhole(
  { runtime, backbone, resize, signal, onProgress }: CheckReading,
  photos: readonly FeaturePhoto[],
  { features, appearances, size }: Places,
): Promise<Failures> {
  const loader = await PhotoLoader.create(runtime, size, resize);
  const headers = new Map<string, PhotoHeader>();
  const length = backbone.features;
  try {
    return await extractFeatures(
      runtime,
      { graph: composeBoth(backbone, size), features: length + OF_PIXELS },
      photos,
      {
        imageSize: size,
        batchSize: RECIPES.default.batchSize,
        decode: async ({ path, digest }, into) => {
          const content = await photoContent(path);
          const decoded = await loader.load(content, into);
          headers.set(digest, await readHeader(content));
          return decoded;
        },
        store: {
          missing: (digests) => features.missing(digests),
          add: async (digest, both, truncated) => {
            await features.add(digest, both.subarray(0, length), truncated);
            const header = headers.get(digest);
            headers.delete(digest);
            if (header)
              await appearances.add(digest, appearanceRow(header, both.subarray(length)), truncated);
          },
          flush: async () => {
            await features.flush();
            await appearances.flush();
          },
        },
        ...(signal && { signal }),
        onProgress: teller(onProgress, "features"),
      },
    );
  } finally {
    await loader.close();
  }
}

/** As `composeFront`, with the pixels' part of the photos' appearances behind their features. */
function composeBoth(backbone: Backbone, size: number): Graph {
  let planes = "";
  const front = composeFront(backbone, (_, photos) => {
    planes = photos;
    return photos;
  });
  const b = new GraphBuilder("features and appearances");
  const features = b.input("of_network", "float32", ["N", backbone.features]);
  const appearance = addAppearance(b, b.input("planes", "float32", ["N", 3, size, size]), size);
  const both = b.node("Concat", [features, appearance], { axis: 1 });
  b.output("features", "float32", ["N", backbone.features + OF_PIXELS], both);
  return merge(front, b.build(), { of_network: "features", planes });
}

/** Photos that are decoded at once, and their appearances computed. */
const AT_ONCE = 32;

/** Appearances of photos whose features were there; returns those that cannot be decoded any more. */
async function readSmall(
  { runtime, signal, onProgress }: CheckReading,
  photos: readonly FeaturePhoto[],
  appearances: FeatureStore,
): Promise<Failures> {
  const failures = new Map<string, string>();
  if (photos.length === 0) return failures;
  const tell = teller(onProgress, "looking at photos");
  const session = await runtime.load(composeAppearance(SMALL));
  try {
    for (let start = 0; start < photos.length; start += AT_ONCE) {
      if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The check was interrupted.");
      const part = await mapBounded(photos.slice(start, start + AT_ONCE), AT_ONCE, async (photo) => {
        try {
          const content = await photoContent(photo.path);
          const picture = await decodePhoto(content, { resize: "bicubic", size: SMALL });
          return [{ ...photo, ...picture, header: await readHeader(content) }];
        } catch (error) {
          if (!(error instanceof HeadstartError)) throw error;
          failures.set(photo.digest, error.message);
          return [];
        }
      });
      const sound = part.flat();
      const pixels = new Uint8Array(sound.length * SMALL ** 2 * 3);
      for (const [i, photo] of sound.entries()) pixels.set(photo.pixels, i * SMALL ** 2 * 3);
      const { appearance } = await session.run<"appearance">({
        photo: uint8([sound.length, SMALL, SMALL, 3], pixels),
      });
      const values = floats(appearance);
      for (const [i, { digest, header, truncated }] of sound.entries()) {
        const ofPixels = values.subarray(i * OF_PIXELS, (i + 1) * OF_PIXELS);
        await appearances.add(digest, appearanceRow(header, ofPixels), truncated);
      }
      tell(Math.min(start + AT_ONCE, photos.length), photos.length);
    }
    return failures;
  } finally {
    await session.close();
  }
}
