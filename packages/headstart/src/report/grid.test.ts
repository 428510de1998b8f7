import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openPicture, plainPhoto } from "../../test/support/picture.js";
import { COLOURS } from "./colours.js";
import { drawGrid, GRID_LIMIT, type GridCell } from "./grid.js";

// The default layout: a margin of 24, squares of 224 with 20 between them, a border of 4.
const left = (column: number) => 24 + column * 244;
const MIDDLE = 24 + 112;

async function cell(over: Partial<GridCell> = {}): Promise<GridCell> {
  return { photo: await plainPhoto(300, 200, "#336699"), predicted: "daisy", probability: 0.98, ...over };
}

describe("drawGrid", () => {
  test("marks right answers green and wrong ones red, and leaves unknown ones plain", async () => {
    const cells = [await cell({ truth: "daisy" }), await cell({ truth: "roses" }), await cell()];
    const picture = await openPicture(await drawGrid(cells));
    expect(picture.width).toBe(24 * 2 + 3 * 224 + 2 * 20);
    expect(picture.colourAt(left(0) + 1, MIDDLE)).toBe(COLOURS.green);
    expect(picture.colourAt(left(1) + 1, MIDDLE)).toBe(COLOURS.red);
    expect(picture.colourAt(left(2), MIDDLE)).toBe(COLOURS.rule);
    expect(picture.colourAt(left(2) + 2, MIDDLE)).toBe("#ffffff");
    for (const column of [0, 1, 2]) {
      expect(picture.colourAt(left(column) + 112, MIDDLE)).toBe("#336699");
      expect(picture.colourAt(left(column) + 112, 24 + 10)).toBe("#ffffff");
      // The caption: what is predicted.
      expect(picture.ink(left(column), 24 + 226, 224, 20)).toBeGreaterThan(150);
    }
    // The second line, "is roses", stands under the wrong one only.
    const second = [0, 1, 2].map((column) => picture.ink(left(column), 24 + 224 + 25, 224, 18));
    expect(second[0]).toBe(0);
    expect(second[1]).toBeGreaterThan(60);
    expect(second[2]).toBe(0);
  });

  test("the marks differ without their colour", async () => {
    const cells = [await cell({ truth: "daisy" }), await cell({ truth: "roses" })];
    const picture = await openPicture(await drawGrid(cells));
    const mark = (column: number) =>
      Array.from({ length: 256 }, (_, index) =>
        picture.colourAt(left(column) + (index % 16), 24 + 224 + 6 + Math.floor(index / 16)) === "#ffffff"
          ? 1
          : 0,
      ).join("");
    expect(mark(0)).not.toBe(mark(1));
  });

  test("puts five in a row, or as many as asked", async () => {
    const one = await cell();
    const six = Array.from({ length: 6 }, () => one);
    const five = await openPicture(await drawGrid(six));
    expect([five.width, five.height]).toEqual([24 * 2 + 5 * 224 + 4 * 20, 24 * 2 + 2 * (224 + 22) + 20]);
    expect(five.colourAt(left(0) + 112, MIDDLE + 266)).toBe("#336699");
    expect(five.colourAt(left(1) + 112, MIDDLE + 266)).toBe("#ffffff");
    const two = await openPicture(await drawGrid(six, { columns: 2, cellSize: 100 }));
    expect([two.width, two.height]).toEqual([24 * 2 + 2 * 100 + 20, 24 * 2 + 3 * (100 + 22) + 2 * 20]);
  });

  test("reads files, and a title goes above", async () => {
    const folder = await mkdtemp(join(tmpdir(), "headstart-grid-"));
    try {
      const photo = join(folder, "ромашка & <b>.png");
      await writeFile(photo, await plainPhoto(64, 64, "#112233"));
      const picture = await openPicture(
        await drawGrid([await cell({ photo })], { title: "Your own photos" }),
      );
      expect(picture.colourAt(MIDDLE, MIDDLE + 40)).toBe("#112233");
      expect(picture.ink(24, 24, 200, 30)).toBeGreaterThan(200);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("a photo that cannot be decoded is a grey cell with a sentence", async () => {
    const missing = join(tmpdir(), "there", "is <no> & such.jpg");
    const cells = [
      await cell({ photo: missing }),
      await cell({ photo: Buffer.from("no photo"), truth: "roses" }),
    ];
    const picture = await openPicture(await drawGrid(cells));
    for (const column of [0, 1]) {
      expect(picture.colourAt(left(column) + 20, 24 + 20)).toBe(COLOURS.missing);
      expect(picture.ink(left(column) + 10, MIDDLE - 25, 204, 50, COLOURS.missing)).toBeGreaterThan(150);
    }
    expect(picture.colourAt(left(1) + 1, MIDDLE)).toBe(COLOURS.red);
  });

  test("long and hostile names stay in their cell", async () => {
    const name = '</text><script>&"\u0000\ud800 WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW';
    const cells = [await cell({ predicted: name, truth: `other ${name}`, probability: 1 }), await cell()];
    const picture = await openPicture(await drawGrid(cells, { title: name.repeat(3) }));
    const gap = picture.ink(left(0) + 224, 24 + 40, 20, picture.height - 24 - 40);
    expect(gap).toBe(0);
    expect(picture.ink(picture.width - 20, 0, 20, picture.height)).toBe(0);
  });

  test("shows no more than its limit and says how many there are", async () => {
    const one = await cell({ photo: await plainPhoto(8, 8, "#336699") });
    const options = { columns: 20, cellSize: 64 };
    const full = await openPicture(await drawGrid(new Array(GRID_LIMIT).fill(one), options));
    const more = await openPicture(await drawGrid(new Array(GRID_LIMIT + 7).fill(one), options));
    expect(more.height).toBe(full.height + 22);
    expect(more.ink(24, more.height - 34, 300, 20)).toBeGreaterThan(100);
  });

  test("the same photos give the same bytes", async () => {
    const cells = [await cell({ truth: "daisy" }), await cell({ truth: "roses", predicted: "Ромашка" })];
    expect((await drawGrid(cells)).equals(await drawGrid(cells))).toBe(true);
  });

  test("refuses nothing to draw and sizes that make no sense", async () => {
    const one = [await cell()];
    const refused = [
      drawGrid([]),
      drawGrid(one, { columns: 0 }),
      drawGrid(one, { cellSize: 5000 }),
      drawGrid(one, { columns: 2.5 }),
    ];
    for (const attempt of refused) await expect(attempt).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
