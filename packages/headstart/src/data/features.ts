import { createHash } from "node:crypto";
import { mkdir, readdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { HeadstartError } from "../errors.js";
import { errorCode, storageError } from "../files.js";
import { CacheBudget } from "./cache.js";
import { mapBounded } from "./concurrent.js";
import { count } from "./names.js";
import {
  type FeatureRow,
  type PlacedRow,
  readSegment,
  readSegmentFeatures,
  readSegmentRows,
  SEGMENT_SUFFIX,
  type Segment,
  writeSegment,
} from "./segment.js";

/** What features depend on besides the photo. Features of different spaces are never mixed up. */
export interface FeatureSpace {
  /** SHA-256 of the backbone's bytes, in hexadecimal. */
  readonly backbone: string;
  /** Side of the square photos, in pixels. */
  readonly size: number;
  /** Such as `float32` or `int8`. */
  readonly precision: string;
  /** How a photo becomes the backbone's input: the way of resizing and whatever else changes pixels. */
  readonly preprocessing: string;
}

/** The features of several photos. */
export interface FeatureBlock {
  /** `[photos, length]`, in the order that was asked for. */
  readonly features: Float32Array<ArrayBuffer>;
  /** Features of one photo; 0 where none was asked for. */
  readonly length: number;
  /** For each photo, whether it was cut off or damaged. */
  readonly truncated: boolean[];
}

/** How {@link FeatureStore.open} keeps features. */
export interface FeatureStoreOptions {
  /** How many bytes the whole cache folder may hold. */
  readonly limit: number;
  /** Features are written after this many photos (default 512, or as many as make up 32 MB) ... */
  readonly flushPhotos?: number;
  /** ... or when so many seconds have passed since the last time (default 5). */
  readonly flushSeconds?: number;
}

const MERGE_FROM = 32;
const SMALL_PHOTOS = 2048;
const MERGED_PHOTOS = 16384;
/** Features of so many bytes are a segment, however few photos they are: what is written or checked at once is in memory. */
const SEGMENT_BYTES = 32e6;

/**
 * Features of photos on disk, found by the photos' content, so that a backbone sees each photo once.
 *
 * Features are kept in segments: files that are written whole under names of their own and never changed. So several processes may use
 * one folder at once, and a process that is killed leaves whole segments or none. A segment that is damaged is removed. Where the folder
 * cannot be written to, features stay in memory, and `warning` says so. When the cache exceeds its limit, the files used least recently
 * go first, but none that this store has used.
 */
export class FeatureStore {
  readonly #folder: string;
  readonly #budget: CacheBudget;
  readonly #flushPhotos: number;
  readonly #flushSeconds: number;
  readonly #segments = new Map<string, Segment>();
  readonly #index = new Map<string, { readonly segment: Segment; readonly row: number }>();
  /** Features that are not on disk, or not yet. */
  readonly #memory = new Map<string, FeatureRow>();
  /** Segments whose checksum was found right. */
  readonly #verified = new Set<string>();
  #pending: FeatureRow[] = [];
  #writing: Promise<void> = Promise.resolve();
  #lastFlush = performance.now();
  #length: number | undefined;
  #warning: string | undefined;

  private constructor(folder: string, space: FeatureSpace, options: FeatureStoreOptions) {
    const { backbone, size, precision, preprocessing } = space;
    const key = createHash("sha256")
      .update(JSON.stringify([backbone, size, precision, preprocessing]))
      .digest("hex");
    this.#folder = join(folder, "features", key);
    this.#budget = new CacheBudget(folder, options.limit);
    this.#flushPhotos = options.flushPhotos ?? 512;
    this.#flushSeconds = options.flushSeconds ?? 5;
  }

  /**
   * Opens the features of one space, and makes the folder where it is missing.
   *
   * @param folder - the cache folder
   * @param space - what the features depend on
   */
  static async open(
    folder: string,
    space: FeatureSpace,
    options: FeatureStoreOptions,
  ): Promise<FeatureStore> {
    const store = new FeatureStore(folder, space, options);
    try {
      await mkdir(store.#folder, { recursive: true });
      await store.#refresh();
      await store.#merge();
    } catch (error) {
      store.#giveUp(error);
    }
    return store;
  }

  /** Why features are kept in memory only, as a sentence; undefined where they are kept on disk. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /** The features of a photo, or undefined where the store does not have them. For many photos use {@link load}. */
  async get(digest: string): Promise<FeatureRow | undefined> {
    if ((await this.missing([digest])).length > 0) return undefined;
    const { features, truncated } = await this.load([digest]);
    return { digest, features, truncated: truncated[0] ?? false };
  }

  /**
   * Which photos the store has no features of, in the order given, each once. Looks for what other processes have added, and checks what
   * it has.
   */
  async missing(digests: readonly string[]): Promise<string[]> {
    await this.#refresh().catch((error: unknown) => this.#giveUp(error));
    const wanted = new Set(digests);
    const unchecked = new Set<Segment>();
    for (const digest of wanted) {
      const place = this.#index.get(digest);
      if (place && !this.#memory.has(digest) && !this.#verified.has(place.segment.path))
        unchecked.add(place.segment);
    }
    await mapBounded([...unchecked], 2, (segment) => this.#read(segment));
    return [...wanted].filter((digest) => !this.#memory.has(digest) && !this.#index.has(digest));
  }

  /**
   * Adds the features of a photo. They are written to disk in groups, in the background; the promise waits only where the disk is slower
   * than the features come.
   *
   * @param digest - SHA-256 of the photo's content, in hexadecimal
   * @param features - copied
   * @param truncated - whether the photo was cut off or damaged
   * @throws HeadstartError `INVALID_MODEL` if other photos of this space have another number of features
   */
  async add(digest: string, features: Float32Array, truncated = false): Promise<void> {
    this.#length ??= features.length;
    if (features.length !== this.#length)
      throw new HeadstartError(
        "INVALID_MODEL",
        `The backbone made ${features.length} features of a photo, but ${this.#length} of others.`,
      );
    const row = { digest, features: features.slice(), truncated };
    this.#memory.set(digest, row);
    if (this.#warning !== undefined) return;
    this.#pending.push(row);
    const seconds = (performance.now() - this.#lastFlush) / 1000;
    const bytes = this.#pending.length * features.byteLength;
    if (this.#pending.length < this.#flushPhotos && bytes < SEGMENT_BYTES && seconds < this.#flushSeconds)
      return;
    await this.#writing;
    this.#startWriting();
  }

  /** Waits until everything added is on disk. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#startWriting();
    await this.#writing;
  }

  /**
   * The features of photos in one block.
   *
   * @param digests - the photos, in the order wanted; one may stand several times
   * @param memory - may be used for the features
   * @throws HeadstartError `STORAGE` if the store does not have them (any more)
   */
  async load(digests: readonly string[], memory?: Float32Array<ArrayBuffer>): Promise<FeatureBlock> {
    await this.#writing;
    const first = await this.#load(digests, memory);
    if (first) return first;
    // Another process may have merged segments meanwhile: look again once.
    await this.#refresh().catch((error: unknown) => this.#giveUp(error));
    const second = await this.#load(digests, memory);
    if (second) return second;
    const lost = digests.filter((digest) => !this.#memory.has(digest) && !this.#index.has(digest)).length;
    throw new HeadstartError(
      "STORAGE",
      `The features of ${count(lost, "photo")} are not in the cache.`,
      "Run again; if another run needs the room, raise HEADSTART_CACHE_LIMIT.",
    );
  }

  /** Writes what is left and brings the cache within its limit. What is there can still be loaded. */
  async close(): Promise<void> {
    await this.flush();
    if (this.#warning === undefined) await this.#budget.settle().catch(() => undefined);
  }

  async #load(
    digests: readonly string[],
    memory?: Float32Array<ArrayBuffer>,
  ): Promise<FeatureBlock | undefined> {
    const length = digests.length === 0 ? 0 : (this.#length ?? 0);
    const size = digests.length * length;
    const features = memory?.length === size ? memory : new Float32Array(size);
    const truncated: boolean[] = new Array(digests.length).fill(false);
    const rows = new Map<Segment, PlacedRow[]>();
    for (const [at, digest] of digests.entries()) {
      const held = this.#memory.get(digest);
      const place = this.#index.get(digest);
      if (held) {
        features.set(held.features, at * length);
        truncated[at] = held.truncated;
      } else if (place) {
        const list = rows.get(place.segment);
        if (list) list.push({ at, row: place.row });
        else rows.set(place.segment, [{ at, row: place.row }]);
      } else return undefined;
    }
    const whole = await mapBounded([...rows], 2, async ([segment, list]) => {
      for (const { at, row } of list) truncated[at] = segment.truncated[row] ?? false;
      return await this.#readRows(segment, list, features);
    });
    return whole.every(Boolean) ? { features, length, truncated } : undefined;
  }

  /** A segment's features; undefined, and the segment forgotten, where it is damaged or gone. */
  async #read(segment: Segment): Promise<Float32Array<ArrayBuffer> | undefined> {
    return await this.#soundly(segment, async () => {
      const features = await readSegmentFeatures(segment);
      if (!this.#verified.has(segment.path)) await touch(segment.path);
      this.#verified.add(segment.path);
      return features;
    });
  }

  /** Reads some rows of a segment, which is checked whole the first time, into a block; whether it could, as {@link #read}. */
  async #readRows(
    segment: Segment,
    rows: readonly PlacedRow[],
    into: Float32Array<ArrayBuffer>,
  ): Promise<boolean> {
    if (!this.#verified.has(segment.path) && (await this.#read(segment)) === undefined) return false;
    const read = await this.#soundly(segment, async () => {
      await readSegmentRows(segment, rows, into);
      return true;
    });
    return read ?? false;
  }

  async #soundly<T>(segment: Segment, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#forget(segment);
      await removeDamaged(segment.path, error);
      return undefined;
    }
  }

  /** Looks for segments that are not known yet. */
  async #refresh(): Promise<void> {
    const names = await readdir(this.#folder);
    const unknown = names
      .filter((name) => name.endsWith(SEGMENT_SUFFIX))
      .map((name) => join(this.#folder, name))
      .filter((path) => !this.#segments.has(path));
    const segments = await mapBounded(unknown.sort(), 8, async (path) => {
      try {
        return await readSegment(path);
      } catch (error) {
        return void (await removeDamaged(path, error));
      }
    });
    for (const segment of segments) if (segment) this.#adopt(segment);
  }

  #adopt(segment: Segment): void {
    this.#length ??= segment.length;
    if (segment.length !== this.#length) return;
    this.#segments.set(segment.path, segment);
    for (const [row, digest] of segment.digests.entries()) this.#index.set(digest, { segment, row });
  }

  #forget(segment: Segment): void {
    this.#segments.delete(segment.path);
    for (const digest of segment.digests)
      if (this.#index.get(digest)?.segment === segment) this.#index.delete(digest);
    // A photo may stand in other segments too.
    for (const other of this.#segments.values())
      for (const [row, digest] of other.digests.entries())
        if (!this.#index.has(digest)) this.#index.set(digest, { segment: other, row });
  }

  #startWriting(): void {
    const rows = this.#pending;
    this.#pending = [];
    this.#lastFlush = performance.now();
    if (rows.length > 0) this.#writing = this.#write(rows);
  }

  async #write(rows: readonly FeatureRow[]): Promise<void> {
    try {
      const segment = await this.#writeSegment(rows);
      for (const row of rows) if (this.#memory.get(row.digest) === row) this.#memory.delete(row.digest);
      await this.#budget.wrote(segment.bytes);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  async #writeSegment(rows: readonly FeatureRow[]): Promise<Segment & { bytes: number }> {
    // The folder may have been cleared since it was opened.
    await mkdir(this.#folder, { recursive: true });
    const segment = await writeSegment(this.#folder, rows);
    this.#verified.add(segment.path);
    this.#adopt(segment);
    return segment;
  }

  /** Puts many small segments into one. The small ones go only when the large one is on disk, so nothing is lost on the way. */
  async #merge(): Promise<void> {
    const bytes = (photos: number) => photos * (this.#length ?? 0) * Float32Array.BYTES_PER_ELEMENT;
    const small = [...this.#segments.values()].filter(
      ({ digests }) => digests.length < SMALL_PHOTOS && bytes(digests.length) < SEGMENT_BYTES / 2,
    );
    if (small.length < MERGE_FROM) return;
    const rows = new Map<string, FeatureRow>();
    const merged: Segment[] = [];
    for (const segment of small) {
      const together = rows.size + segment.digests.length;
      if (together > MERGED_PHOTOS || bytes(together) > 4 * SEGMENT_BYTES) break;
      const features = await this.#read(segment);
      if (!features) continue;
      merged.push(segment);
      for (const [row, digest] of segment.digests.entries())
        rows.set(digest, {
          digest,
          features: features.subarray(row * segment.length, (row + 1) * segment.length),
          truncated: segment.truncated[row] ?? false,
        });
    }
    if (merged.length < 2) return;
    await this.#writeSegment([...rows.values()]);
    for (const segment of merged) {
      this.#forget(segment);
      await rm(segment.path, { force: true });
    }
  }

  /** From here on features stay in memory. */
  #giveUp(error: unknown): void {
    const sentence = storageError(error, this.#folder);
    this.#warning ??= `Features cannot be kept for later runs. ${sentence instanceof Error ? sentence.message : String(sentence)}`;
  }
}

/** Notes that a file was used. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}

/** Removes a file that was found to be damaged; one that could not be read for another reason stays. */
async function removeDamaged(path: string, error: unknown): Promise<void> {
  if (error instanceof HeadstartError && error.code === "INVALID_RUN")
    await rm(path, { force: true }).catch(() => undefined);
  else if (errorCode(error) === undefined) throw error;
}
