import { describe, expect, test } from "vitest";
import { openPicture } from "../../test/support/picture.js";
import { drawSheet } from "./sheet.js";
import type { Tile } from "./tile.js";

function plain(width: number, height: number, grey: number): Tile {
  return { pixels: new Uint8Array(width * height * 3).fill(grey), width, height };
}

describe("drawSheet", () => {
  const rows = [
    { title: "daisy.jpg", views: [plain(300, 200, 0x40), plain(224, 224, 0x60), plain(224, 224, 0x80)] },
    {
      title: '<b> & "x" \u0000 that goes on and on and on.jpg',
      views: [plain(10, 10, 0x20), plain(8, 8, 0xa0)],
    },
  ];
  // Margins of 24; the photo as it is, 30 pixels, then views with 10 between them; 20 for the heads and 26 for each title.
  const x = (column: number) => 24 + (column === 0 ? 0 : 190 + (column - 1) * 170) + 80;
  const y = (row: number) => 24 + 20 + row * (26 + 160 + 18) + 26 + 80;

  test("puts the photo first and its views beside it", async () => {
    const picture = await openPicture(await drawSheet(rows));
    expect([picture.width, picture.height]).toEqual([
      24 + 190 + 2 * 160 + 10 + 24,
      24 + 20 + 2 * 204 - 18 + 24,
    ]);
    expect([0, 1, 2].map((column) => picture.colourAt(x(column), y(0)))).toEqual([
      "#404040",
      "#606060",
      "#808080",
    ]);
    expect([0, 1, 2].map((column) => picture.colourAt(x(column), y(1)))).toEqual([
      "#202020",
      "#a0a0a0",
      "#ffffff",
    ]);
    // A photo that is no square stands whole on white.
    expect(picture.colourAt(x(0), y(0) - 70)).toBe("#ffffff");
    // Titles are drawn and stay over the first column.
    expect(picture.ink(24, 44 + 4, 160, 20)).toBeGreaterThan(100);
    expect(picture.ink(24 + 176, 44 + 204 + 4, 14, 20)).toBe(0);
  });

  test("takes a size and a title", async () => {
    const picture = await openPicture(await drawSheet(rows, { cellSize: 64, title: "keras-classic" }));
    expect([picture.width, picture.height]).toEqual([
      24 + 94 + 2 * 64 + 10 + 24,
      24 + 60 + 2 * 108 - 18 + 24,
    ]);
  });

  test("the same views give the same bytes", async () => {
    expect((await drawSheet(rows)).equals(await drawSheet(rows))).toBe(true);
  });

  test("refuses nothing to draw, and pixels that do not fill their size", async () => {
    const view = plain(4, 4, 0);
    const refused = [
      drawSheet([]),
      drawSheet([{ title: "a", views: [] }]),
      drawSheet([{ title: "a", views: [{ ...view, width: 5 }] }]),
      drawSheet([{ title: "a", views: new Array(1000).fill(view) }]),
    ];
    for (const attempt of refused) await expect(attempt).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
