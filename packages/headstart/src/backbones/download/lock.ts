import { randomBytes } from "node:crypto";
import { readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { z } from "zod";
import { errorCode, storageError, withHandle } from "../../files.js";
import { checkSignal, pause } from "./interrupted.js";
import { SUFFIXES } from "./paths.js";
import { parse } from "./record.js";
import type { Timing } from "./timing.js";

const ownerSchema = z.object({ token: z.string(), pid: z.int(), host: z.string() });

interface Waiting {
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: () => Promise<void>;
}

/** A lock that is held. */
export interface Lock {
  /** Aborts when the lock has been taken away, as happens to a process that stood still for long. */
  readonly lost: AbortSignal;
  /** Whether the lock is still held. */
  readonly holds: () => Promise<boolean>;
}

/**
 * Does something to a file that only one process on this machine, or on machines that share the disk, may do at a time. The lock is a file
 * beside it. Its owner touches it again and again; a lock that nobody touches, or whose process is gone, is taken over.
 *
 * @param file - the file that is to be worked on; its folder must exist
 * @param use - what to do; its `lost` signal aborts if the lock was taken away meanwhile
 * @param options - `onWait` is called from time to time while another process holds the lock
 * @throws HeadstartError `INTERRUPTED` when the signal asks for it, and what `use` throws
 */
export async function withLock<T>(
  file: string,
  timing: Timing,
  options: Waiting,
  use: (lock: Lock) => Promise<T>,
): Promise<T> {
  const path = file + SUFFIXES.lock;
  const token = randomBytes(12).toString("hex");
  await acquire(path, token, timing, options);
  const lost = new AbortController();
  const holds = async () => (await look(path))?.token === token;
  const beat = setInterval(async () => {
    // What goes wrong here shows when the lock is next asked for.
    if (await holds().catch(() => true)) await touch(path).catch(() => undefined);
    else lost.abort();
  }, timing.heartbeat);
  beat.unref();
  try {
    return await use({ lost: lost.signal, holds });
  } finally {
    clearInterval(beat);
    if (await holds().catch(() => false)) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function acquire(path: string, token: string, timing: Timing, options: Waiting): Promise<void> {
  let seen: { readonly state: string; readonly since: number } | undefined;
  for (;;) {
    checkSignal(options.signal);
    if (await create(path, token)) return;
    const held = await look(path);
    if (!held) continue;
    // Measured by this process's own clock: those of two machines may differ, and time stands still while a machine sleeps.
    const state = `${held.token} ${held.touched}`;
    if (seen?.state !== state) seen = { state, since: performance.now() };
    const patience = held.gone ? Math.min(timing.abandoned, 3 * timing.heartbeat) : timing.abandoned;
    if (performance.now() - seen.since >= patience) {
      await breakLock(path, state, timing, options.signal);
      continue;
    }
    await options.onWait?.();
    await pause(timing.poll, options.signal);
  }
}

/** Makes the lock's file, unless there is one. */
async function create(path: string, token: string): Promise<boolean> {
  try {
    await withHandle(path, "wx", (handle) =>
      handle.writeFile(JSON.stringify({ token, pid: process.pid, host: hostname() })),
    );
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw storageError(error, path);
  }
}

/** Who holds a lock, when it was last touched, and whether its process is gone; undefined where nobody holds it. */
async function look(path: string) {
  try {
    const { mtimeMs } = await stat(path);
    const owner = parse(ownerSchema, await readFile(path));
    const gone = owner !== undefined && owner.host === hostname() && !isAlive(owner.pid);
    return { token: owner?.token, touched: mtimeMs, gone };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storageError(error, path);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

/**
 * Removes an abandoned lock. Of several processes that find it abandoned one does so, under a lock of its own, and only if it is still the
 * same: otherwise the second would remove what the first has just made.
 */
async function breakLock(
  path: string,
  state: string,
  timing: Timing,
  signal: AbortSignal | undefined,
): Promise<void> {
  const guard = path.slice(0, -SUFFIXES.lock.length) + SUFFIXES.guard;
  if (!(await create(guard, ""))) {
    const held = await stat(guard).catch(() => undefined);
    if (held && Date.now() - held.mtimeMs > timing.abandoned) await rm(guard, { force: true });
    else await pause(timing.poll, signal);
    return;
  }
  try {
    const held = await look(path);
    if (held && `${held.token} ${held.touched}` === state) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
