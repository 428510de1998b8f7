import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Checksum } from "./remote-file.js";

/** Sums of a file's bytes, taken as they come. */
export class Digest {
  readonly #sha256 = createHash("sha256");
  readonly #promised: Hash | undefined;
  readonly #checksum: Checksum | undefined;

  /**
   * @param checksum - what the file must hash to, if that is known
   * @param size - of the whole file, in bytes; needed for the id of a git blob
   */
  constructor(checksum: Checksum | undefined, size: number | undefined) {
    this.#checksum = checksum;
    if (checksum?.algorithm === "md5") this.#promised = createHash("md5");
    if (checksum?.algorithm === "git-blob") this.#promised = createHash("sha1").update(`blob ${size}\0`);
  }

  /** Takes the next bytes in. */
  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#promised?.update(bytes);
  }

  /**
   * Takes in what a file holds so far.
   *
   * @param onProgress - told the number of bytes that have been read
   */
  async updateFrom(path: string, onProgress?: (done: number) => void): Promise<void> {
    const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1 << 20 });
    let done = 0;
    for await (const bytes of stream) {
      this.update(bytes);
      done += bytes.length;
      onProgress?.(done);
    }
  }

  /** The SHA-256, and the sum by the promised checksum's algorithm; nothing can be taken in any more. */
  finish(): { readonly sha256: string; readonly actual: string; readonly matches: boolean } {
    const sha256 = this.#sha256.digest("hex");
    const actual = this.#promised?.digest("hex") ?? sha256;
    return { sha256, actual, matches: this.#checksum === undefined || actual === this.#checksum.digest };
  }
}
