import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { folderWith } from "../../../test/support/temporary.js";
import { withLock } from "./lock.js";

/** The id of a process that has ended. */
const GONE = spawnSync(process.execPath, ["--version"]).pid;

const owner = (pid: number, host = hostname()) => JSON.stringify({ token: "other", pid, host });

async function timeToTake(lock: string): Promise<number> {
  const folder = folderWith({ "x.lock": lock });
  const start = performance.now();
  await withLock(join(folder, "x"), QUICK, {}, async () => {
    expect(readFileSync(join(folder, "x.lock"), "utf8")).toContain(`"pid":${process.pid}`);
  });
  expect(existsSync(join(folder, "x.lock"))).toBe(false);
  return performance.now() - start;
}

test("one at a time", async () => {
  const file = join(folderWith({}), "x");
  let inside = 0;
  let most = 0;
  const work = () =>
    withLock(file, QUICK, {}, async ({ holds }) => {
      most = Math.max(most, ++inside);
      await setTimeout(30);
      expect(await holds()).toBe(true);
      inside--;
    });
  await Promise.all([work(), work(), work(), work()]);
  expect(most).toBe(1);
});

test("a lock whose process is gone is taken over soon, any other one that is not touched after a while", async () => {
  expect(await timeToTake(owner(GONE))).toBeLessThan(QUICK.abandoned);
  expect(await timeToTake(owner(process.pid))).toBeGreaterThanOrEqual(QUICK.abandoned);
  expect(await timeToTake(owner(GONE, "another machine"))).toBeGreaterThanOrEqual(QUICK.abandoned);
  expect(await timeToTake("")).toBeGreaterThanOrEqual(QUICK.abandoned);
});

test("of several that find an abandoned lock one takes it", async () => {
  const file = join(folderWith({ "x.lock": owner(GONE) }), "x");
  let inside = 0;
  let most = 0;
  const work = () =>
    withLock(file, QUICK, {}, async () => {
      most = Math.max(most, ++inside);
      await setTimeout(15);
      inside--;
    });
  await Promise.all(Array.from({ length: 8 }, work));
  expect(most).toBe(1);
});

test("a lock that is held for long is not taken", async () => {
  const file = join(folderWith({}), "x");
  let waited = 0;
  const first = withLock(file, QUICK, {}, () => setTimeout(QUICK.abandoned + 200, "first"));
  await setTimeout(20);
  const onWait = async () => void waited++;
  const start = performance.now();
  const second = withLock(file, QUICK, { onWait }, async () => performance.now() - start);
  expect(await first).toBe("first");
  expect(await second).toBeGreaterThan(QUICK.abandoned);
  expect(waited).toBeGreaterThan(5);
});

test("an owner learns that its lock was taken away, and leaves the new one alone", async () => {
  const file = join(folderWith({}), "x");
  await withLock(file, QUICK, {}, async ({ lost, holds }) => {
    writeFileSync(`${file}.lock`, owner(process.pid));
    expect(await holds()).toBe(false);
    await setTimeout(QUICK.heartbeat * 5);
    expect(lost.aborted).toBe(true);
  });
  expect(readFileSync(`${file}.lock`, "utf8")).toBe(owner(process.pid));
  rmSync(`${file}.lock`);
});

test("a signal ends the waiting", async () => {
  const file = join(folderWith({ "x.lock": owner(process.pid) }), "x");
  const signal = AbortSignal.timeout(50);
  const waiting = withLock(file, QUICK, { signal }, async () => undefined);
  await expect(waiting).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(existsSync(`${file}.lock`)).toBe(true);
});

test("the lock is released whatever happens", async () => {
  const file = join(folderWith({}), "x");
  const failing = withLock(file, QUICK, {}, async () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(existsSync(`${file}.lock`)).toBe(false);
});
