import { describe, expect, test } from "vitest";
import { openPicture } from "../../test/support/picture.js";
import { COLOURS } from "./colours.js";
import { drawConfusion } from "./confusion.js";

function square(count: number, value: (row: number, column: number) => number): number[][] {
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: count }, (_, column) => value(row, column)),
  );
}

const named = (count: number) => Array.from({ length: count }, (_, index) => `class ${index}`);

/** What a colour of this opacity looks like on white. */
function onWhite(colour: string, opacity: number): number[] {
  return [1, 3, 5].map((at) => 255 + opacity * (Number.parseInt(colour.slice(at, at + 2), 16) - 255));
}

function near(colour: string, expected: number[]): void {
  for (const [index, value] of expected.entries()) {
    const channel = Number.parseInt(colour.slice(1 + index * 2, 3 + index * 2), 16);
    expect(Math.abs(channel - value)).toBeLessThanOrEqual(2);
  }
}

describe("drawConfusion", () => {
  test("rows are true classes, columns predicted ones, coloured by the row's share", async () => {
    const picture = await openPicture(
      await drawConfusion(
        [
          [30, 10],
          [0, 7],
        ],
        ["ants", "bees"],
      ),
    );
    // Cells of 120 pixels; the matrix ends 24 + 22 + 30 pixels or so above the lower edge. Found by its frame.
    const rightOf = (y: number) => {
      let x = picture.width - 1;
      while (picture.colourAt(x, y) === "#ffffff") x--;
      return x;
    };
    const edge = rightOf(200);
    const top = 116;
    const corner = (row: number, column: number) =>
      picture.colourAt(edge - 240 + column * 120 + 12, top + row * 120 + 12);
    near(corner(0, 0), onWhite(COLOURS.blue, 0.12 + 0.88 * 0.75));
    near(corner(0, 1), onWhite(COLOURS.orange, 0.12 + 0.88 * 0.25));
    expect(corner(1, 0)).toBe("#ffffff");
    near(corner(1, 1), onWhite(COLOURS.blue, 1));
    // The counts stand in the middle.
    expect(picture.ink(edge - 240 + 45, top + 45, 30, 30, corner(0, 0))).toBeGreaterThan(40);
    expect(picture.ink(edge - 240 + 45, top + 165, 30, 30)).toBe(0);
  });

  test.each([1, 2, 10, 30, 31, 133, 400])("draws %i classes within 3000 pixels", async (count) => {
    const matrix = square(count, (row, column) =>
      row === column ? 9 : (row * 7 + column) % 11 === 0 ? 1 : 0,
    );
    const names = named(count).map((name, index) =>
      index % 3 === 0 ? `${name} ${"long ".repeat(30)}` : name,
    );
    const { width, height } = await openPicture(await drawConfusion(matrix, names));
    expect(Math.max(width, height)).toBeLessThanOrEqual(3000);
    expect(Math.min(width, height)).toBeGreaterThan(count * 5);
  });

  test("every name of 133 stands along the side", async () => {
    const picture = await openPicture(
      await drawConfusion(
        square(133, () => 0),
        named(133),
      ),
    );
    for (let row = 0; row < 133; row++) {
      expect(picture.ink(54, 116 + row * 16, 60, 16)).toBeGreaterThan(30);
    }
  });

  test("hostile names and an empty split break nothing", async () => {
    const names = ['</text><b a="', "&amp;\u0000\ud800", "日本猿", "שלום"];
    const picture = await openPicture(
      await drawConfusion(
        square(4, () => 0),
        names,
        { title: "<&>" },
      ),
    );
    expect(picture.width).toBeGreaterThanOrEqual(420);
  });

  test("the same counts give the same bytes", async () => {
    const draw = () =>
      drawConfusion(
        square(6, (row, column) => row + 2 * column),
        named(6),
      );
    expect((await draw()).equals(await draw())).toBe(true);
  });

  test("refuses a matrix of another size than the classes", async () => {
    for (const [matrix, names] of [
      [[[1]], ["a", "b"]],
      [
        [[1, 2], [3]],
        ["a", "b"],
      ],
      [[], []],
    ] as [number[][], string[]][]) {
      await expect(drawConfusion(matrix, names)).rejects.toMatchObject({ code: "INVALID_DATA" });
    }
  });
});
