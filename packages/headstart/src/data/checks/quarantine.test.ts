import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { quarantine } from "./quarantine.js";
import { quarantineFolder } from "./quarantine-folder.js";
import { undoQuarantine } from "./undo-quarantine.js";

/** Every file below a folder with its content, by name. */
function contents(folder: string, prefix = ""): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
      const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory()
        ? Object.entries(contents(folder, name))
        : [[name, readFileSync(join(folder, name), "utf8")]];
    }),
  );
}

const FILES = {
  "photos/train/cat/1.jpg": "one",
  "photos/train/cat/2.jpg": "two",
  "photos/test/dog/1.jpg": "three",
};

function moves(...names: string[]) {
  return names.map((name) => ({ name, reason: "a copy" }));
}

describe("quarantine", () => {
  test("moves photos beside their folder, with a journal, and puts them back", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    const before = contents(photos);
    const inode = statSync(join(photos, "train/cat/1.jpg")).ino;
    const { folder: session = "", moved } = await quarantine(
      photos,
      moves("train/cat/1.jpg", "test/dog/1.jpg"),
    );
    expect(session).toBe(join(folder, "quarantine", "photos", "1"));
    expect(moved).toEqual(["train/cat/1.jpg", "test/dog/1.jpg"]);
    expect(contents(photos)).toEqual({ "train/cat/2.jpg": "two" });
    expect(contents(join(session, "photos"))).toEqual({
      "train/cat/1.jpg": "one",
      "test/dog/1.jpg": "three",
    });
    const lines = readFileSync(join(session, "journal.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { format: "headstart-quarantine-1", root: photos },
      { name: "train/cat/1.jpg", reason: "a copy" },
      { name: "test/dog/1.jpg", reason: "a copy" },
    ]);

    const { restored, left } = await undoQuarantine(photos);
    expect([restored, left]).toEqual([["test/dog/1.jpg", "train/cat/1.jpg"], []]);
    expect(contents(photos)).toEqual(before);
    expect(statSync(join(photos, "train/cat/1.jpg")).ino).toBe(inode);
    expect(readdirSync(session)).toEqual(["photos", "undone.jsonl"]);
    expect(await undoQuarantine(photos)).toEqual({ restored: [], left: [] });
  });

  test("several times, put back all at once", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    await quarantine(photos, moves("train/cat/1.jpg"));
    const second = await quarantine(photos, moves("train/cat/2.jpg", "train/cat/1.jpg"));
    expect(second.moved).toEqual(["train/cat/2.jpg"]);
    expect((await undoQuarantine(photos)).restored).toEqual(["train/cat/2.jpg", "train/cat/1.jpg"]);
    expect(Object.keys(contents(photos))).toHaveLength(3);
  });

  test("makes nothing where there is nothing to move", async () => {
    const folder = folderWith(FILES);
    expect(await quarantine(join(folder, "photos"), [])).toEqual({ folder: undefined, moved: [] });
    expect(readdirSync(folder)).toEqual(["photos"]);
    expect(await undoQuarantine(join(folder, "photos"))).toEqual({ restored: [], left: [] });
  });

  test("a place that was taken meanwhile is left alone", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    const { folder: session = "" } = await quarantine(photos, moves("train/cat/1.jpg", "train/cat/2.jpg"));
    writeFileSync(join(photos, "train/cat/1.jpg"), "new");
    const done = await undoQuarantine(photos);
    expect(done.left).toEqual([{ name: "train/cat/1.jpg", reason: "another file has taken its place" }]);
    expect(contents(photos)["train/cat/1.jpg"]).toBe("new");
    expect(contents(join(session, "photos"))).toEqual({ "train/cat/1.jpg": "one" });
    // Once the place is free again, so is the way back.
    rmSync(join(photos, "train/cat/1.jpg"));
    expect((await undoQuarantine(photos)).left).toEqual([]);
    expect(contents(photos)["train/cat/1.jpg"]).toBe("one");
  });

  test("folders that were removed meanwhile are made again; photos that were removed are told", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    const { folder: session = "" } = await quarantine(photos, moves("test/dog/1.jpg", "train/cat/1.jpg"));
    rmSync(join(photos, "test"), { recursive: true });
    rmSync(join(session, "photos/train/cat/1.jpg"));
    const { restored, left } = await undoQuarantine(photos);
    expect(restored).toEqual(["test/dog/1.jpg"]);
    expect(left).toEqual([{ name: "train/cat/1.jpg", reason: "it is not in quarantine any more" }]);
  });

  test.each(["../outside.jpg", "train/../../outside.jpg", "/etc/hostname", "train//cat", ".", ""])(
    "refuses the name %j",
    async (name) => {
      const folder = folderWith({ ...FILES, "outside.jpg": "not a photo of the folder" });
      await expect(quarantine(join(folder, "photos"), moves(name))).rejects.toThrow(
        "not the name of a photo",
      );
      expect(existsSync(join(folder, "outside.jpg"))).toBe(true);
    },
  );

  test("refuses what a link in the folder leads to outside", async () => {
    const folder = folderWith({ ...FILES, "elsewhere/1.jpg": "outside" });
    const photos = join(folder, "photos");
    symlinkSync(join(folder, "elsewhere"), join(photos, "train/linked"));
    await expect(quarantine(photos, moves("train/linked/1.jpg"))).rejects.toThrow("leads out of");
    expect(contents(join(folder, "elsewhere"))).toEqual({ "1.jpg": "outside" });
  });

  test("does not follow a journal out of the folder", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    const { folder: session = "" } = await quarantine(photos, moves("train/cat/1.jpg"));
    appendFileSync(
      join(session, "journal.jsonl"),
      `${JSON.stringify({ name: "../evil.jpg", reason: "" })}\n`,
    );
    await expect(undoQuarantine(photos)).rejects.toThrow("not the name of a photo");
    rmSync(join(session, "journal.jsonl"));
    writeFileSync(join(session, "journal.jsonl"), "not JSON\n");
    await expect(undoQuarantine(photos)).rejects.toThrow("is not a journal that can be undone");
  });

  test("leaves alone what was moved out of another folder", async () => {
    const folder = folderWith({ ...FILES, "others/cat/1.jpg": "other" });
    const place = join(folder, "aside");
    await quarantine(join(folder, "photos"), moves("train/cat/1.jpg"), { folder: place });
    expect(await undoQuarantine(join(folder, "others"), place)).toEqual({ restored: [], left: [] });
    expect((await undoQuarantine(join(folder, "photos"), place)).restored).toEqual(["train/cat/1.jpg"]);
  });

  test("refuses a quarantine inside the photos' folder", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    await expect(
      quarantine(photos, moves("train/cat/1.jpg"), { folder: join(photos, "bad") }),
    ).rejects.toThrow("is inside");
    expect(contents(photos)["train/cat/1.jpg"]).toBe("one");
  });

  test.runIf(existsSync("/dev/shm") && statSync("/dev/shm").dev !== statSync(tmpdir()).dev)(
    "refuses a quarantine on another disk",
    async () => {
      const folder = folderWith(FILES);
      const photos = join(folder, "photos");
      const place = mkdtempSync("/dev/shm/quarantine-");
      onTestFinished(() => rmSync(place, { recursive: true }));
      await expect(quarantine(photos, moves("train/cat/1.jpg"), { folder: place })).rejects.toThrow(
        "on another disk",
      );
      expect(contents(photos)["train/cat/1.jpg"]).toBe("one");
      expect(readdirSync(place)).toEqual([]);
    },
  );

  test("can be stopped between two photos, and put back", async () => {
    const folder = folderWith(FILES);
    const photos = join(folder, "photos");
    const before = contents(photos);
    let asked = 0;
    // Stops before the second photo.
    const signal = Object.defineProperty(new AbortController().signal, "aborted", { get: () => asked++ > 0 });
    await expect(
      quarantine(photos, moves("train/cat/1.jpg", "train/cat/2.jpg"), { signal }),
    ).rejects.toMatchObject({ code: "INTERRUPTED", message: expect.stringContaining("1 photo of 2") });
    expect(Object.keys(contents(photos))).toHaveLength(2);
    expect((await undoQuarantine(photos)).restored).toEqual(["train/cat/1.jpg"]);
    expect(contents(photos)).toEqual(before);
  });

  test("is beside the photos' folder by default", () => {
    expect(quarantineFolder("/data/photos/")).toBe("/data/quarantine/photos");
  });
});

/** Where the process may have been stopped: so many photos are through, the next one is at one of these places. */
const STOPS = ["before its line", "in its line", "before its move", "after its move"] as const;

test("stopped anywhere, everything can be put back", async () => {
  const name = fc
    .tuple(fc.constantFrom("a", "b", "c d"), fc.constantFrom("1", "2", "ü", "'4'"))
    .map((parts) => parts.join("/"));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      fc.constantFrom(...STOPS),
      fc.boolean(),
      async (names, some, through, stop, isLinked) => {
        const folder = folderIn(
          Object.fromEntries(names.map((each) => [`photos/${each}`, `content of ${each}`])),
        );
        try {
          const photos = join(folder, "photos");
          const before = contents(photos);
          const chosen = names.slice(0, 1 + (some % names.length));
          const done = through % (chosen.length + 1);
          const next = chosen[done];
          const { folder: session = "" } = await quarantine(
            photos,
            moves(...chosen.slice(0, done), "not/there"),
          );
          if (next !== undefined) {
            const line = `${JSON.stringify({ name: next, reason: "" })}\n`;
            if (stop === "in its line") appendFileSync(join(session, "journal.jsonl"), line.slice(0, 9));
            if (stop === "before its move" || stop === "after its move")
              appendFileSync(join(session, "journal.jsonl"), line);
            const target = join(session, "photos", next);
            mkdirSync(dirname(target), { recursive: true });
            if (stop === "after its move") renameSync(join(photos, next), target);
          }
          // Putting back may have been stopped too, between the photo's second name and the end of its first.
          const [linked] = chosen.slice(0, done);
          if (isLinked && linked !== undefined)
            linkSync(join(session, "photos", linked), join(photos, linked));
          const { left } = await undoQuarantine(photos);
          expect(left).toEqual([]);
          expect(contents(photos)).toEqual(before);
          expect(contents(join(session, "photos"))).toEqual({});
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    ),
    { numRuns: 30 },
  );
});

/** As `folderWith`, for a property that makes many. */
function folderIn(files: Readonly<Record<string, string>>): string {
  const root = folderWith({});
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, "case-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}
