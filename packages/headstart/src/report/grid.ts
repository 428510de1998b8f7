import { basename } from "node:path";
import { mapBounded } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { COLOURS } from "./colours.js";
import { type PlacedTile, renderPng } from "./render.js";
import { border, disc, polyline, rect, text } from "./svg.js";
import { shorten, textWidth, wrap } from "./text-width.js";
import { photoTile } from "./tile.js";

/** The most photos that a grid shows; a line under it says how many more there are. Bounds time, memory and the picture's size. */
export const GRID_LIMIT = 100;

/** One photo of a grid and what the classifier says about it. */
export interface GridCell {
  /** The photo: a path, or a file's bytes. */
  photo: string | Uint8Array;
  /** Name of the predicted class. */
  predicted: string;
  /** Its probability, from 0 to 1. */
  probability: number;
  /** Name of the true class, where it is known. */
  truth?: string;
}

/** How a grid is drawn. */
export interface GridOptions {
  /** Photos in a row; 5 when not given. */
  columns?: number;
  /** Side of a photo's square in pixels, its border included; 224 when not given. */
  cellSize?: number;
  /** A line above the grid; none when not given. */
  title?: string;
}

const MARGIN = 24;
const GAP = 20;
const BORDER = 4;
const TITLE_HEIGHT = 40;
const LINE_HEIGHT = 22;
const NAME_SIZE = 15;
const DETAIL_SIZE = 13;
const DECODERS = 4;

/**
 * Draws photos in a grid, five a row, each with the predicted class and its probability under it (`daisy 98 %`). Where the true class is
 * known, a right answer has a green border and a check mark, a wrong one a red border, a cross and the line `is roses`. Each photo is
 * shown whole and upright in its square. A photo that cannot be decoded is a grey cell that says so.
 *
 * Photos are decoded four at a time, and no more than {@link GRID_LIMIT} are shown.
 *
 * @param cells - at least one
 * @returns a PNG
 * @throws HeadstartError `INVALID_OPTION` for no cells, fewer than 1 or more than 20 columns, or squares below 64 or above 320 pixels
 */
export async function drawGrid(cells: readonly GridCell[], options: GridOptions = {}): Promise<Buffer> {
  const { columns = 5, cellSize = 224, title } = options;
  check(cells, columns, cellSize);
  const shown = cells.slice(0, GRID_LIMIT);
  const across = Math.min(columns, shown.length);
  const captionLines = shown.some(({ predicted, truth }) => truth !== undefined && truth !== predicted)
    ? 2
    : 1;
  const pitch = cellSize + captionLines * LINE_HEIGHT + GAP;
  const width = 2 * MARGIN + across * cellSize + (across - 1) * GAP;
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT);
  const more = cells.length - shown.length;
  const rows = Math.ceil(shown.length / across);
  const height = top + rows * pitch - GAP + MARGIN + (more === 0 ? 0 : LINE_HEIGHT);

  const photoSize = cellSize - 2 * BORDER;
  const tiles = await mapBounded(shown, DECODERS, ({ photo }) =>
    photoTile(photo, photoSize).catch(() => undefined),
  );
  const parts: string[] = [];
  const placed: PlacedTile[] = [];
  if (title !== undefined) {
    parts.push(
      text(MARGIN, MARGIN + 18, shorten(title, width - 2 * MARGIN, 20, true), { size: 20, bold: true }),
    );
  }
  for (const [index, cell] of shown.entries()) {
    const x = MARGIN + (index % across) * (cellSize + GAP);
    const y = top + Math.floor(index / across) * pitch;
    const tile = tiles[index];
    if (tile === undefined) parts.push(missingPhoto(x, y, cellSize, cell.photo));
    else placed.push({ tile, left: x + BORDER, top: y + BORDER });
    parts.push(frame(x, y, cellSize, cell), caption(x, y + cellSize, cellSize, cell));
  }
  if (more > 0) {
    const sentence = more === 1 ? "1 more photo is not shown." : `${more} more photos are not shown.`;
    const line = shorten(sentence, width - 2 * MARGIN, DETAIL_SIZE);
    parts.push(text(MARGIN, height - MARGIN + 6, line, { size: DETAIL_SIZE, fill: COLOURS.faint }));
  }
  return renderPng(width, height, parts, placed);
}

function check(cells: readonly GridCell[], columns: number, cellSize: number): void {
  const wrong =
    cells.length === 0
      ? "A grid needs at least one photo."
      : !Number.isInteger(columns) || columns < 1 || columns > 20
        ? `A grid cannot have ${columns} columns.`
        : !Number.isInteger(cellSize) || cellSize < 64 || cellSize > 320
          ? `A grid's squares cannot be ${cellSize} pixels wide.`
          : undefined;
  if (wrong !== undefined) {
    throw new HeadstartError(
      "INVALID_OPTION",
      wrong,
      "Give photos, 1 to 20 columns, and squares of 64 to 320 pixels.",
    );
  }
}

function verdict({ predicted, truth }: GridCell): "right" | "wrong" | "unknown" {
  if (truth === undefined) return "unknown";
  return truth === predicted ? "right" : "wrong";
}

function frame(x: number, y: number, size: number, cell: GridCell): string {
  switch (verdict(cell)) {
    case "right":
      return border(x, y, size, size, BORDER, COLOURS.green);
    case "wrong":
      return border(x, y, size, size, BORDER, COLOURS.red);
    case "unknown":
      return border(x, y, size, size, 1, COLOURS.rule);
  }
}

/** The lines under a photo; the mark stands before the first, and both lines start at the same place. */
function caption(x: number, y: number, size: number, cell: GridCell): string {
  const kind = verdict(cell);
  const indent = kind === "unknown" ? 0 : 22;
  const room = size - indent;
  // The left-to-right mark keeps the number on the right of a name written from right to left.
  const share = `\u200e ${percent(cell.probability)}`;
  const name = shorten(cell.predicted, room - textWidth(share, NAME_SIZE, true), NAME_SIZE, true);
  const first = text(x + indent, y + 19, name + share, { size: NAME_SIZE, bold: true });
  if (kind === "unknown") return first;
  const sign = mark(x + 8, y + 14, kind === "right");
  if (kind === "right") return sign + first;
  const truth = shorten(`is ${cell.truth ?? ""}`, room, DETAIL_SIZE);
  return (
    sign + first + text(x + indent, y + 19 + LINE_HEIGHT - 3, truth, { size: DETAIL_SIZE, fill: COLOURS.red })
  );
}

/** A check mark on green or a cross on red, 16 pixels wide, about (x, y). */
function mark(x: number, y: number, right: boolean): string {
  const ground = disc(x, y, 8, right ? COLOURS.green : COLOURS.red);
  const stroke = (...points: [number, number][]) =>
    polyline(
      points.map(([dx, dy]) => [x + dx, y + dy] as const),
      COLOURS.background,
      2,
    );
  if (right) return ground + stroke([-3.6, 0.4], [-1.1, 3], [3.8, -2.8]);
  return ground + stroke([-2.8, -2.8], [2.8, 2.8]) + stroke([-2.8, 2.8], [2.8, -2.8]);
}

function missingPhoto(x: number, y: number, size: number, photo: string | Uint8Array): string {
  const name = typeof photo === "string" ? basename(photo) : "This photo";
  const lines = [
    shorten(name, size - 24, DETAIL_SIZE, true),
    ...wrap("cannot be decoded.", size - 24, DETAIL_SIZE, 3),
  ];
  const start = y + size / 2 - ((lines.length - 1) * 19) / 2 + 4;
  return [
    rect(x, y, size, size, COLOURS.missing),
    ...lines.map((line, index) =>
      text(x + size / 2, start + index * 19, line, {
        size: DETAIL_SIZE,
        bold: index === 0,
        anchor: "middle",
        fill: COLOURS.faint,
      }),
    ),
  ].join("");
}

function percent(probability: number): string {
  return `${Math.round(probability * 100)}\u00a0%`;
}
