import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { HeadstartError } from "../../errors.js";
import { errorCode, storageError } from "../../files.js";
import { type Client, withClient } from "./client.js";
import { Digest } from "./digest.js";
import { withLock } from "./lock.js";
import { type DownloadOptions, mayFetch, settled } from "./options.js";
import { locate, SUFFIXES } from "./paths.js";
import { readPartRecord, readRecord, writeRecord } from "./record.js";
import { type RemoteFile, withoutSecrets } from "./remote-file.js";
import { withRetries } from "./retry.js";
import { TIMING, type Timing } from "./timing.js";
import { Transfer } from "./transfer.js";

/**
 * The local copy of a file: the one that is there, or a new one. A file gets its name only after its size and checksum have been found
 * right. Connections that break are taken up again where they broke, also by the next call. Of several processes that want the same file,
 * one fetches it and the others wait.
 *
 * @param file - what to fetch, and where it is kept
 * @param options - where to keep it, whether to use the network, and whom to tell
 * @returns the absolute path of the copy
 * @throws HeadstartError `NETWORK` if there is no connection, the server refuses or breaks off again and again, or the file is not there
 *   while offline; `NOT_FOUND` if the server has no such file; `CHECKSUM` if it is another file than was promised; `STORAGE` if the disk
 *   is full or not permitted; `INTERRUPTED` when the signal asks for it; `INVALID_OPTION` for a path or a setting that cannot be meant
 */
export async function download(file: RemoteFile, options: DownloadOptions = {}): Promise<string> {
  return await downloadWith(file, options, TIMING);
}

/**
 * Whether a file is there, as it was promised, so that {@link download} needs no network for it.
 *
 * @param file - what is looked for
 * @param options - which folder
 * @throws HeadstartError `STORAGE` if the folder may not be read, `INVALID_OPTION` for a path that cannot be meant
 */
export async function isDownloaded(
  file: RemoteFile,
  options: Pick<DownloadOptions, "folder" | "environment"> = {},
): Promise<boolean> {
  const local = locate(settled(options).folder, file.path);
  try {
    return await isThere(file, local);
  } catch (error) {
    throw storageError(error, local);
  }
}

/** {@link download} with a patience of one's own. */
export async function downloadWith(
  file: RemoteFile,
  options: DownloadOptions,
  timing: Timing,
): Promise<string> {
  const { folder, env } = settled(options);
  const local = locate(folder, file.path);
  try {
    if (await isThere(file, local)) return local;
    if (!mayFetch(options)) throw notThere(file, options);
    await makeFolder(dirname(local));
    return await withClient(env, timing, async (client) => {
      while (!(await fetchLocked(file, local, client, options, timing)));
      return local;
    });
  } catch (error) {
    throw storageError(error, local);
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    const code = errorCode(error);
    if (code !== "EEXIST" && code !== "ENOTDIR") throw error;
    throw new HeadstartError(
      "STORAGE",
      `The folder ${folder} cannot be made: a file is in its place.`,
      "Remove the file, or set HEADSTART_CACHE to another folder.",
      { cause: error },
    );
  });
}

function notThere(file: RemoteFile, options: DownloadOptions): HeadstartError {
  const name = options.name ?? file.url;
  return new HeadstartError(
    "NETWORK",
    `${name} has not been downloaded yet, and Headstart is offline.`,
    `With a network, run: headstart backbones fetch ${name}`,
  );
}

/**
 * Whether the right file is there. One that was put there by hand, without a record, is right if it has the promised checksum.
 */
async function isThere(file: RemoteFile, local: string): Promise<boolean> {
  const size = await sizeOf(local);
  if (size === undefined || size !== (file.size ?? size)) return false;
  const record = await readRecord(local);
  const { checksum } = file;
  if (!checksum) return record?.size === size && record.url === withoutSecrets(file.url);
  if (record?.size === size) {
    if (checksum.algorithm === "sha256") return record.sha256 === checksum.digest;
    if (record.checksum?.algorithm === checksum.algorithm) return record.checksum.digest === checksum.digest;
  }
  const digest = new Digest(checksum, size);
  await digest.updateFrom(local);
  const { sha256, matches } = digest.finish();
  // Where the folder cannot be written to, the file is good all the same.
  if (matches) await noteDownload(file, local, size, sha256, undefined).catch(() => undefined);
  return matches;
}

async function noteDownload(
  file: RemoteFile,
  local: string,
  size: number,
  sha256: string,
  etag: string | undefined,
): Promise<void> {
  await writeRecord(local, {
    url: withoutSecrets(file.url),
    size,
    sha256,
    ...(file.checksum && { checksum: file.checksum }),
    ...(etag !== undefined && { etag }),
    date: new Date().toISOString(),
  });
}

/** Fetches the file, or lets another process do so. Returns false if this one lost its lock meanwhile, as after a long sleep. */
async function fetchLocked(
  file: RemoteFile,
  local: string,
  client: Client,
  options: DownloadOptions,
  timing: Timing,
): Promise<boolean> {
  const { signal, onProgress } = options;
  const onWait = async () => {
    const done = await sizeOf(local + SUFFIXES.part);
    if (done === undefined || !onProgress) return;
    onProgress({ file: file.path, done, total: file.size ?? (await readPartRecord(local))?.size });
  };
  return await withLock(local, timing, { signal, onWait }, async ({ lost, holds }) => {
    if (await isThere(file, local)) return true;
    const either = signal ? AbortSignal.any([signal, lost]) : lost;
    const context = { client, signal: either, onProgress };
    try {
      const transfer = await Transfer.begin(file, local, context);
      const { sha256 } = await fetchChecked(file, local, transfer, timing, either);
      if (!(await holds())) return false;
      await rename(local + SUFFIXES.part, local);
      await rm(local + SUFFIXES.partRecord, { force: true });
      await noteDownload(file, local, transfer.done, sha256, transfer.etag);
      await rm(local + SUFFIXES.wrong, { force: true });
      return true;
    } catch (error) {
      if (lost.aborted && !signal?.aborted) return false;
      throw error;
    }
  });
}

/** Fetches until the part file is whole and right. One that was pieced together and is wrong is fetched once more in one piece. */
async function fetchChecked(
  file: RemoteFile,
  local: string,
  transfer: Transfer,
  timing: Timing,
  signal: AbortSignal,
): Promise<{ readonly sha256: string }> {
  for (let once = true; ; once = false) {
    await withRetries(
      () => transfer.attempt(),
      () => transfer.done,
      timing,
      signal,
    );
    const sums = await transfer.finish();
    if (sums.matches) return sums;
    if (transfer.pieced && once) {
      await transfer.restart();
      continue;
    }
    await rename(local + SUFFIXES.part, local + SUFFIXES.wrong);
    await rm(local + SUFFIXES.partRecord, { force: true });
    throw wrongChecksum(file, local, sums.actual);
  }
}

function wrongChecksum({ url, checksum }: RemoteFile, local: string, actual: string): HeadstartError {
  const name = { md5: "MD5", sha256: "SHA-256", "git-blob": "git id" }[checksum?.algorithm ?? "sha256"];
  return new HeadstartError(
    "CHECKSUM",
    `${withoutSecrets(url)} is not the file that was promised: its ${name} is ${actual} and should be ${checksum?.digest}.`,
    `It is kept aside as ${local}${SUFFIXES.wrong} and never used. Try again; if it stays so, look for a proxy or mirror that changes files.`,
  );
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const info = await stat(path);
    return info.isFile() ? info.size : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
