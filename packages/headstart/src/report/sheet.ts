import { mapBounded } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { COLOURS } from "./colours.js";
import { type PlacedTile, renderPng } from "./render.js";
import { border, line, text } from "./svg.js";
import { shorten } from "./text-width.js";
import { pixelTile, type Tile } from "./tile.js";

/** One photo of a contact sheet: the photo as it is, then augmented views of it. */
export interface SheetRow {
  /** What stands above the row, such as the file's name. */
  title: string;
  /** Raw RGB pixels: first the photo as it is, then its views. */
  views: readonly Tile[];
}

/** How a contact sheet is drawn. */
export interface SheetOptions {
  /** Side of a view's square in pixels; 160 when not given. */
  cellSize?: number;
  /** A line above the sheet; none when not given. */
  title?: string;
}

const MARGIN = 24;
const GAP = 10;
/** The space between the photo as it is and its views; a line stands in it. */
const DIVIDE = 30;
const TITLE_HEIGHT = 40;
const HEAD_HEIGHT = 20;
const ROW_TITLE_HEIGHT = 26;
const ROW_GAP = 18;
/** The longest side that the drawing library can make. */
const LONGEST = 32_000;

/**
 * Draws a contact sheet of augmented views: a row for each photo, with the photo as it is in the first column and its views beside it.
 *
 * @param rows - at least one, each with at least one view
 * @returns a PNG
 * @throws HeadstartError `INVALID_OPTION` for no rows, a row without views, pixels that do not fill their width and height, or a sheet
 *   that would be more than 32,000 pixels long
 */
export async function drawSheet(rows: readonly SheetRow[], options: SheetOptions = {}): Promise<Buffer> {
  const { cellSize = 160, title } = options;
  for (const row of rows) checkRow(row);
  const columns = Math.max(0, ...rows.map(({ views }) => views.length));
  const left = (column: number) => MARGIN + column * (cellSize + GAP) + (column === 0 ? 0 : DIVIDE - GAP);
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT) + HEAD_HEIGHT;
  const pitch = ROW_TITLE_HEIGHT + cellSize + ROW_GAP;
  const width = left(columns - 1) + cellSize + MARGIN;
  const height = top + rows.length * pitch - ROW_GAP + MARGIN;
  if (
    columns === 0 ||
    !(width <= LONGEST && height <= LONGEST) ||
    !Number.isInteger(cellSize) ||
    cellSize < 16
  ) {
    throw new HeadstartError(
      "INVALID_OPTION",
      `There is no contact sheet of ${rows.length} photos and ${columns} views of ${cellSize} pixels.`,
      "Give at least one photo, and fewer or smaller ones if there are many.",
    );
  }

  const parts: string[] = [];
  if (title !== undefined) {
    parts.push(
      text(MARGIN, MARGIN + 18, shorten(title, width - 2 * MARGIN, 20, true), { size: 20, bold: true }),
    );
  }
  const faint = { size: 13, fill: COLOURS.faint };
  parts.push(text(MARGIN, top - 6, shorten("as it is", cellSize, 13), faint));
  if (columns > 1) {
    const x = left(1) - DIVIDE / 2;
    parts.push(
      text(left(1), top - 6, shorten("augmented views", width - left(1) - MARGIN, 13), faint),
      line(x, top - HEAD_HEIGHT, x, height - MARGIN, COLOURS.rule, 1),
    );
  }
  const wanted: { view: Tile; x: number; y: number }[] = [];
  for (const [index, row] of rows.entries()) {
    const y = top + index * pitch;
    parts.push(
      text(MARGIN, y + 18, shorten(row.title, columns > 1 ? cellSize + GAP : cellSize, 13, true), {
        size: 13,
        bold: true,
      }),
    );
    for (const [column, view] of row.views.entries()) {
      wanted.push({ view, x: left(column), y: y + ROW_TITLE_HEIGHT });
    }
  }
  const tiles = await mapBounded(wanted, 4, async ({ view, x, y }): Promise<PlacedTile> => {
    return { tile: await pixelTile(view, cellSize), left: x, top: y };
  });
  for (const { left: x, top: y } of tiles) {
    parts.push(border(x - 1, y - 1, cellSize + 2, cellSize + 2, 1, COLOURS.rule));
  }
  return renderPng(width, height, parts, tiles);
}

function checkRow({ title, views }: SheetRow): void {
  if (views.length === 0) {
    throw new HeadstartError(
      "INVALID_OPTION",
      `The row ${title} has no views.`,
      "Give the photo as it is, at least.",
    );
  }
  for (const { pixels, width, height } of views) {
    if (!(width >= 1 && height >= 1 && pixels.length === width * height * 3)) {
      throw new HeadstartError(
        "INVALID_OPTION",
        `A view of ${title} has ${pixels.length} bytes, which are not ${width} x ${height} RGB pixels.`,
        "Give three bytes for each pixel.",
      );
    }
  }
}
