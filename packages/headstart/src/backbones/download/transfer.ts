import { rm, stat, statfs, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { HeadstartError } from "../../errors.js";
import { errorCode, withHandle } from "../../files.js";
import type { Client, Reply } from "./client.js";
import { Digest } from "./digest.js";
import { checkSignal } from "./interrupted.js";
import type { DownloadProgress } from "./options.js";
import { SUFFIXES } from "./paths.js";
import { type PartRecord, readPartRecord, writePartRecord } from "./record.js";
import { type RemoteFile, withoutSecrets } from "./remote-file.js";
import { Temporary } from "./temporary.js";

/** The largest file that is fetched where nobody has promised a size. */
const MAXIMUM_BYTES = 8e9;

/** What a transfer works with. */
export interface TransferContext {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
}

/** Fetches a file into its part file, in as many attempts as it takes. One process at a time may do so. */
export class Transfer {
  readonly #file: RemoteFile;
  readonly #part: string;
  readonly #local: string;
  readonly #context: TransferContext;
  #record: PartRecord | undefined;
  #digest: Digest;
  #done = 0;
  #pieces = 0;

  private constructor(file: RemoteFile, local: string, context: TransferContext) {
    this.#file = file;
    this.#local = local;
    this.#part = local + SUFFIXES.part;
    this.#context = context;
    this.#digest = new Digest(file.checksum, file.size);
  }

  /**
   * Starts from what earlier attempts have left, or from nothing.
   *
   * @param local - where the whole file is to lie in the end; its folder must exist
   */
  static async begin(file: RemoteFile, local: string, context: TransferContext): Promise<Transfer> {
    const transfer = new Transfer(file, local, context);
    const record = await readPartRecord(local);
    const size = await sizeOf(transfer.#part);
    if (record?.url === withoutSecrets(file.url) && size > 0 && size <= (file.size ?? MAXIMUM_BYTES)) {
      transfer.#record = record;
      transfer.#done = size;
      transfer.#pieces = 1;
      await transfer.#digest.updateFrom(transfer.#part);
    } else await transfer.restart();
    return transfer;
  }

  /** Bytes that are there. */
  get done(): number {
    return this.#done;
  }

  /** Whether it was put together from several answers, which might not belong together. */
  get pieced(): boolean {
    return this.#pieces > 1;
  }

  /** What the server calls this version of the file. */
  get etag(): string | undefined {
    return this.#record?.etag;
  }

  /** Drops what is there. */
  async restart(): Promise<void> {
    await Promise.all([
      rm(this.#part, { force: true }),
      rm(this.#local + SUFFIXES.partRecord, { force: true }),
    ]);
    this.#record = undefined;
    this.#digest = new Digest(this.#file.checksum, this.#file.size);
    this.#done = 0;
    this.#pieces = 0;
  }

  /** The sums of all bytes, which are on the disk then. */
  async finish(): Promise<ReturnType<Digest["finish"]>> {
    await withHandle(this.#part, "a", (handle) => handle.sync());
    return this.#digest.finish();
  }

  /**
   * Asks the server once for what is missing.
   *
   * @throws Temporary if the connection breaks, or if the file has changed and must be fetched from its beginning; HeadstartError
   *   `CHECKSUM` if it is longer or shorter than promised, `STORAGE` if the disk has no room, `UNSUPPORTED` if it is larger than 8 GB
   */
  async attempt(): Promise<void> {
    const { client, signal } = this.#context;
    if (this.#done > 0 && this.#done === this.#expected()) return;
    if (this.#done > 0 && !this.#resumable()) await this.restart();
    const reply = await client.get(this.#file.url, this.#range(), signal);
    try {
      const total = await this.#accept(reply);
      if (total !== "complete") await this.#receive(reply, total);
    } finally {
      reply.discard();
    }
  }

  /** Bytes of the whole file, where that is known. */
  #expected(): number | undefined {
    return this.#file.size ?? this.#record?.size;
  }

  /** Whether a changed file would be noticed. */
  #resumable(): boolean {
    return this.#validator() !== undefined || this.#file.checksum !== undefined;
  }

  /** What the server can recognise this version of the file by; a weak ETag does not vouch for every byte. */
  #validator(): string | undefined {
    const { etag, lastModified } = this.#record ?? {};
    return etag !== undefined && !etag.startsWith("W/") ? etag : lastModified;
  }

  #range(): Record<string, string> {
    if (this.#done === 0) return {};
    const validator = this.#validator();
    return { range: `bytes=${this.#done}-`, ...(validator !== undefined && { "if-range": validator }) };
  }

  /** Sees whether an answer continues what is there, and makes it so. Returns the size of the whole file, where the server says it. */
  async #accept(reply: Reply): Promise<number | undefined | "complete"> {
    const { first, total } = extent(reply);
    if (reply.status === 416) {
      if (this.#done > 0 && total === this.#done && total === (this.#expected() ?? total)) return "complete";
      throw await this.#changed(reply);
    }
    const encoding = reply.header("content-encoding");
    if (encoding !== undefined && encoding !== "identity")
      throw new HeadstartError(
        "NETWORK",
        `${reply.host} sends the file packed (${encoding}), which was not asked for.`,
        "A proxy may stand between; download the file yourself.",
      );
    if (reply.status === 206) {
      const etag = reply.header("etag");
      const known = this.#record;
      const same = etag === undefined || known?.etag === undefined || etag === known.etag;
      const sameSize = total === undefined || known?.size === undefined || total === known.size;
      if (first !== this.#done || !same || !sameSize) throw await this.#changed(reply);
    } else if (this.#done > 0) await this.restart();
    const { size } = this.#file;
    if (size !== undefined && total !== undefined && total !== size)
      throw wrongSize(
        `${reply.host} offers a file of ${bytes(total)} where one of ${bytes(size)} was promised`,
      );
    return total;
  }

  async #changed(reply: Reply): Promise<Temporary> {
    await this.restart();
    const sentence = `${reply.host} gives another file each time it is asked.`;
    return new Temporary(new HeadstartError("NETWORK", sentence, "Try again later."), { wait: 0 });
  }

  /** Writes what arrives to the disk. */
  async #receive(reply: Reply, total: number | undefined): Promise<void> {
    const expected = this.#file.size ?? total ?? this.#record?.size;
    if (this.#file.size === undefined && (total ?? 0) > MAXIMUM_BYTES) throw tooLarge(this.#file.url);
    await checkRoom(dirname(this.#part), (expected ?? 0) - this.#done);
    this.#record = recordOf(this.#file.url, total, reply, this.#record);
    await writePartRecord(this.#local, this.#record);
    await this.#append(reply, expected);
    if (expected !== undefined && this.#done < expected)
      throw new Temporary(
        new HeadstartError(
          "NETWORK",
          `${reply.host} stops after ${bytes(this.#done)} of ${bytes(expected)}.`,
          "Try again later; what has been fetched is kept, and the same command goes on from there.",
        ),
      );
  }

  async #append(reply: Reply, expected: number | undefined): Promise<void> {
    const { signal, onProgress } = this.#context;
    if (this.#done === 0) await rm(this.#part, { force: true });
    // After a failed write the file may be longer than what has been counted.
    else await truncate(this.#part, this.#done);
    this.#pieces++;
    await withHandle(this.#part, "a", async (handle) => {
      for await (const piece of reply.body) {
        checkSignal(signal);
        if (this.#done + piece.length > (expected ?? MAXIMUM_BYTES)) {
          await this.restart();
          if (expected === undefined) throw tooLarge(this.#file.url);
          throw wrongSize(`${reply.host} sends more than the ${bytes(expected)} that were promised`);
        }
        await handle.writeFile(piece);
        this.#digest.update(piece);
        this.#done += piece.length;
        onProgress?.({ file: this.#file.path, done: this.#done, total: expected });
      }
    });
  }
}

/** The first byte that an answer holds, and the size of the whole file. */
function extent(reply: Reply): { readonly first: number; readonly total: number | undefined } {
  if (reply.status === 200) return { first: 0, total: count(reply.header("content-length")) };
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(reply.header("content-range") ?? "");
  return { first: count(range?.[1]) ?? -1, total: count(range?.[2]) };
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function recordOf(
  url: string,
  total: number | undefined,
  reply: Reply,
  before: PartRecord | undefined,
): PartRecord {
  const size = total ?? before?.size;
  const etag = reply.header("etag") ?? before?.etag;
  const lastModified = reply.header("last-modified") ?? before?.lastModified;
  return {
    url: withoutSecrets(url),
    ...(size !== undefined && { size }),
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0;
    throw error;
  }
}

/** Sees to it that the disk has room, where the system can tell. */
async function checkRoom(folder: string, needed: number): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk === undefined ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize;
  if (needed > free)
    throw new HeadstartError(
      "STORAGE",
      `The disk has room for ${bytes(free)} in ${folder}, and the download takes ${bytes(needed)}.`,
      "Free some space, or set HEADSTART_CACHE to a folder on another disk.",
    );
}

function wrongSize(what: string): HeadstartError {
  const hint = "A proxy, a mirror or a login page may stand between; otherwise the source has changed.";
  return new HeadstartError("CHECKSUM", `${what}.`, hint);
}

function tooLarge(url: string): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `${withoutSecrets(url)} is larger than ${bytes(MAXIMUM_BYTES)}.`,
    "Download the file yourself.",
  );
}

function bytes(number: number): string {
  return `${number.toLocaleString("en-US")} bytes`;
}
