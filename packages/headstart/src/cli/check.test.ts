import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { scene, writeJpeg } from "../../test/support/scenes.js";
import { newFolder } from "../../test/support/temporary.js";
import { addCheck } from "./check.js";
import { Terminal } from "./terminal.js";

const folder = newFolder();
const photos = join(folder, "photos");
const clean = join(folder, "clean");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  for (const className of ["cat", "dog"] as const)
    for (let i = 0; i < 22; i++) {
      const picture = scene(className, i);
      await writeJpeg(join(clean, className, `${i}.jpg`), picture.clone());
      await writeJpeg(join(photos, i < 21 ? "train" : "test", className, `${i}.jpg`), picture);
    }
  copyFileSync(join(photos, "train/cat/5.jpg"), join(photos, "test/cat/leak.jpg"));
});

/** What `headstart check` prints and exits with. */
async function check(...args: string[]) {
  const streams = captured();
  const terminal = new Terminal(streams);
  const program = new Command("headstart").exitOverride().configureOutput({ writeErr: () => undefined });
  addCheck(program, terminal);
  await program.parseAsync(["check", ...args], { from: "user" });
  return { code: terminal.exitCode, out: streams.out(), err: streams.err() };
}

describe("headstart check", () => {
  test("an error is printed with what to do, and exits with 3", async () => {
    const { code, out } = await check(photos);
    expect(code).toBe(3);
    expect(out).toMatch(/^45 photos of 2 classes in /);
    expect(out).toMatch(/error +exact copies in two splits +1 +2 +100\.0 %/);
    expect(out).toContain("Photos in train and test are the same file: train/cat/5.jpg, test/cat/leak.jpg.");
    expect(out).toContain("→ Keep those in test");
    expect(out).toContain("1 photo to measure with shows what training photos show");
    expect(out).toMatch(/1 error, \d+ warnings?, \d+ notes?\n$/);
  });

  test("as JSON", async () => {
    const { code, out, err } = await check(photos, "--json");
    const document = JSON.parse(out);
    expect([code, err]).toEqual([3, ""]);
    expect(document).toMatchObject({
      photos: 45,
      classes: ["cat", "dog"],
      leaked: [{ name: "test/cat/leak.jpg" }],
    });
    expect(document.findings[0]).toMatchObject({
      kind: "exact-copies-across-splits",
      movable: ["train/cat/5.jpg"],
    });
  });

  test("fixes, after which there is no error, and undoes it", async () => {
    const fixed = await check(photos, "--fix");
    expect(fixed.code).toBe(0);
    expect(fixed.out).toMatch(/1 photo was moved to .*quarantine.photos.1\n/);
    expect(existsSync(join(photos, "train/cat/5.jpg"))).toBe(false);
    const undone = await check(photos, "--undo");
    expect(undone.out).toMatch(/^1 photo is back in /);
    expect(existsSync(join(photos, "train/cat/5.jpg"))).toBe(true);
  });

  test("refuses kinds of findings that there are not", async () => {
    await expect(check(photos, "--fix", "everything")).rejects.toThrow(
      'There is no kind of finding "everything"',
    );
  });

  test("against others", async () => {
    const { out } = await check(clean, "--against", join(photos, "test"), "--fix", "broken, empty", "--json");
    const { leaked, fixed } = JSON.parse(out);
    expect(fixed).toEqual({ moved: [] });
    expect(leaked).toContainEqual({ name: "cat/leak.jpg", className: "cat", side: "against" });
  });
});
