import { createHash } from "node:crypto";
import { storageError, withHandle } from "../files.js";
import { mapBounded } from "./concurrent.js";
import { count } from "./names.js";
import { MAX_PHOTO_BYTES, type Skipped } from "./photo.js";
import { SNIFF_BYTES, sniff } from "./sniff.js";
import { readingReason } from "./walk.js";

/** How reading many files reports and is stopped. */
export interface InspectOptions {
  /** Called after each file with the number of files that are done and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the reading; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** What a photo's content says: its digest and length. */
export interface Content {
  readonly digest: string;
  readonly bytes: number;
}

const AT_ONCE = 8;
const CHUNK_BYTES = 1 << 20;

/**
 * Reads files and says for each, in order, whether it is a photo. Eight are read at once, each in pieces of 1 MiB, so memory stays the
 * same however many and long they are.
 *
 * @param options - `digest`: whether to read files to their end for their SHA-256 (default true); otherwise only their beginnings
 */
export async function inspectFiles(
  files: readonly { readonly name: string; readonly path: string }[],
  options: InspectOptions & { readonly digest?: boolean } = {},
): Promise<(Content | Skipped)[]> {
  const buffers: Buffer[] = [];
  const length = options.digest === false ? SNIFF_BYTES : CHUNK_BYTES;
  let done = 0;
  return mapBounded(files, AT_ONCE, async ({ name, path }, worker) => {
    options.signal?.throwIfAborted();
    buffers[worker] ??= Buffer.allocUnsafe(length);
    const result = await inspectFile(path, buffers[worker], options.digest ?? true).catch(
      (error: unknown) => {
        throwIfBroken(error, path);
        return { reason: readingReason(error, name) };
      },
    );
    options.onProgress?.(++done, files.length);
    return "reason" in result ? { name, reason: result.reason } : result;
  });
}

/** Faults of this machine, such as too many open files, must not pass for a fault of one photo. */
function throwIfBroken(error: unknown, path: string): void {
  if (!(error instanceof Error && "syscall" in error)) throw error;
  if ("code" in error && (error.code === "EMFILE" || error.code === "ENFILE" || error.code === "ENOMEM"))
    throw storageError(error, path);
}

async function inspectFile(
  path: string,
  buffer: Buffer,
  digest: boolean,
): Promise<Content | { reason: string }> {
  return withHandle(path, "r", async (handle) => {
    const info = await handle.stat();
    if (!info.isFile()) return { reason: "not a file" };
    if (info.size > MAX_PHOTO_BYTES)
      return {
        reason: `it has ${count(Math.ceil(info.size / 2 ** 20), "MiB", "MiB")}; the most is ${MAX_PHOTO_BYTES / 2 ** 20}`,
      };
    let { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const found = sniff(buffer.subarray(0, Math.min(bytesRead, SNIFF_BYTES)));
    if ("reason" in found) return found;
    if (!digest) return { digest: "", bytes: info.size };
    const hash = createHash("sha256");
    let bytes = 0;
    while (bytesRead > 0) {
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
      if (bytesRead < buffer.length && bytes >= info.size) break;
      ({ bytesRead } = await handle.read(buffer, 0, buffer.length, bytes));
    }
    return { digest: hash.digest("hex"), bytes };
  });
}
