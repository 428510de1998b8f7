import { once } from "node:events";
import { realpath, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { HeadstartError } from "../../../../errors.js";
import { storageError } from "../../../../files.js";
import type { Hdf5Group, Hdf5Reply, Hdf5Request } from "./tree.js";

/** How an HDF5 file is read. */
export interface Hdf5Options {
  /** What errors call the file; by default its own name. */
  readonly name?: string;
  /** Groups of the root that are passed over. */
  readonly skip?: readonly string[];
  /** How long it may take; by default 10 seconds, and half a second more for each megabyte. */
  readonly milliseconds?: number;
}

/**
 * Reads an HDF5 file whole, in a thread of its own; see {@link Hdf5Reader}.
 *
 * @param path - the file
 * @param options - what errors call it, what is passed over, and how long it may take
 * @throws HeadstartError `INVALID_MODEL` if the file is damaged or takes too much time or memory; `NOT_FOUND` if there is none
 */
export async function readHdf5(path: string, options: Hdf5Options = {}): Promise<Hdf5Group> {
  const reader = new Hdf5Reader();
  try {
    return await reader.read(path, options);
  } finally {
    await reader.close();
  }
}

/**
 * Reads HDF5 files, one after another, in a thread. The HDF5 library is written for files that are in order: at a damaged one it may run
 * for ever, stop for good, or ask for any amount of memory. So the thread is ended after a time that grows with the file's size, its
 * memory is bounded, and after a failure of the library the next file is read in a new thread.
 *
 * Nothing outside a file is read: no external links, soft links, virtual datasets, data in other files, or plug-ins.
 */
export class Hdf5Reader {
  #worker: Worker | undefined;

  /** Reads a file; see {@link readHdf5}. Not to be called again before the promise is settled. */
  async read(path: string, options: Hdf5Options = {}): Promise<Hdf5Group> {
    const { name = basename(path), skip = [] } = options;
    // The library looks at the name itself and takes no link for a file.
    const target = await realpath(path).catch((error) => {
      throw storageError(error, path);
    });
    const { size } = await stat(target);
    const { milliseconds = 10_000 + (500 * size) / 2 ** 20 } = options;
    this.#worker ??= await startWorker();
    const reply = await ask(this.#worker, { path: target, bytes: size, skip }, milliseconds);
    if ("root" in reply) return reply.root;
    if (!reply.fit) await this.close();
    throw new HeadstartError(
      "INVALID_MODEL",
      `The file ${name} cannot be read as HDF5. ${reply.error}`,
      "The file is damaged or incomplete. Save or download it again.",
    );
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

async function startWorker(): Promise<Worker> {
  const worker = new Worker(createRequire(import.meta.url).resolve("#hdf5-worker"), {
    // None of the program's own flags, as for the runtime's thread.
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  // The first message says that the library is loaded.
  await once(worker, "message");
  // What goes wrong in the thread between two files matters to none.
  worker.on("error", () => undefined);
  return worker;
}

async function ask(worker: Worker, request: Hdf5Request, milliseconds: number): Promise<Hdf5Reply> {
  const finished = new AbortController();
  const { signal } = finished;
  const failed = (error: string): Hdf5Reply => ({ error, fit: false });
  const answer = once(worker, "message", { signal }).then(([reply]) => reply as Hdf5Reply);
  const end = once(worker, "exit", { signal }).then(() => failed("The library stopped."));
  const late = setTimeout(milliseconds, failed("Reading it takes far longer than its size explains."), {
    signal,
  });
  // Those that come too late, or not at all.
  for (const other of [answer, end, late]) other.catch(() => undefined);
  worker.postMessage(request);
  try {
    return await Promise.race([answer, end, late]);
  } catch (error) {
    return failed(`The library failed: ${error instanceof Error ? error.message : String(error)}.`);
  } finally {
    finished.abort();
  }
}
