import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { HeadstartError } from "../errors.js";
import { storageError, withHandle, writeAtomically } from "../files.js";
import { CacheBudget } from "./cache.js";

/** How {@link DecodedCache.open} keeps photos. */
export interface DecodedCacheOptions {
  /** Side of the square photos, in pixels. */
  readonly size: number;
  /** How they were resized, such as `bicubic` or `nearest`: letters, digits and `-`. */
  readonly resize: string;
  /** How many bytes the whole cache folder may hold. */
  readonly limit: number;
}

/** Behind the pixels: a checksum of pixels and flag (4 bytes, little-endian), then whether the photo was truncated (1 byte). */
const TRAILER_BYTES = 5;

/**
 * Decoded photos on disk at the training size, for recipes that see a photo more than once. One file holds one photo, found by the
 * content of the photo that it was decoded from. A file that is damaged is written anew. When the disk or the cache is full, photos are
 * no longer added, `warning` says so, and everything else goes on.
 */
export class DecodedCache {
  readonly #folder: string;
  readonly #pixelBytes: number;
  readonly #budget: CacheBudget;
  #warning: string | undefined;

  private constructor(folder: string, { size, resize, limit }: DecodedCacheOptions) {
    this.#folder = join(folder, "decoded", `${resize}-${size}`);
    this.#pixelBytes = size * size * 3;
    this.#budget = new CacheBudget(folder, limit);
  }

  /**
   * Opens the decoded photos of one size and way of resizing. Nothing is made on disk before the first photo is written.
   *
   * @param folder - the cache folder
   */
  static open(folder: string, options: DecodedCacheOptions): DecodedCache {
    return new DecodedCache(folder, options);
  }

  /** Why no more photos are added, as a sentence; undefined as long as they are. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /**
   * Reads a photo.
   *
   * @param digest - SHA-256 of the photo's file, in hexadecimal
   * @param into - where its pixels go, `size * size * 3` bytes; after a miss its content is undefined
   * @returns whether the photo was cut off or damaged; undefined where the cache does not have it
   */
  async read(digest: string, into: Uint8Array): Promise<{ truncated: boolean } | undefined> {
    try {
      return await withHandle(this.#path(digest), "r", async (handle) => {
        const info = await handle.stat();
        if (info.size !== this.#pixelBytes + TRAILER_BYTES || into.byteLength !== this.#pixelBytes)
          return undefined;
        const trailer = new Uint8Array(TRAILER_BYTES);
        const { bytesRead } = await handle.readv([into, trailer], 0);
        if (bytesRead !== info.size) return undefined;
        const flag = trailer[4] ?? 0;
        if (checksum(into, flag) !== new DataView(trailer.buffer).getUint32(0, true)) return undefined;
        const now = new Date();
        if (!this.#budget.isFresh(info.mtimeMs)) await handle.utimes(now, now).catch(() => undefined);
        return { truncated: flag === 1 };
      });
    } catch {
      return undefined;
    }
  }

  /**
   * Adds a photo.
   *
   * @param digest - SHA-256 of the photo's file, in hexadecimal
   * @param pixels - `size * size * 3` bytes, not changed and not kept
   * @param truncated - whether the photo was cut off or damaged
   */
  async write(digest: string, pixels: Uint8Array, truncated = false): Promise<void> {
    if (this.#warning !== undefined) return;
    const file = new Uint8Array(pixels.byteLength + TRAILER_BYTES);
    const flag = Number(truncated);
    file.set(pixels);
    file[file.length - 1] = flag;
    new DataView(file.buffer).setUint32(pixels.byteLength, checksum(pixels, flag), true);
    const path = this.#path(digest);
    try {
      await this.#writeFile(path, file);
      if (!(await this.#budget.wrote(file.byteLength)))
        this.#warning ??=
          "The cache is full, so no more decoded photos are kept; HEADSTART_CACHE_LIMIT sets how much it may hold.";
    } catch (error) {
      const sentence = storageError(error, this.#folder);
      this.#warning ??= `Decoded photos cannot be kept. ${sentence instanceof Error ? sentence.message : String(sentence)}`;
    }
  }

  /** The folder is made when it turns out to be missing, which is rarer than not. */
  async #writeFile(path: string, file: Uint8Array): Promise<void> {
    try {
      await writeAtomically(path, file, { durable: false });
    } catch (error) {
      if (!(error instanceof HeadstartError && error.code === "NOT_FOUND")) throw error;
      await mkdir(dirname(path), { recursive: true });
      await writeAtomically(path, file, { durable: false });
    }
  }

  #path(digest: string): string {
    return join(this.#folder, digest.slice(0, 2), `${digest}.rgb`);
  }
}

function checksum(pixels: Uint8Array, flag: number): number {
  return crc32(Uint8Array.of(flag), crc32(pixels));
}
