import { HeadstartError } from "../errors.js";
import { COLOURS } from "./colours.js";
import { renderPng } from "./render.js";
import { border, line, rect, text } from "./svg.js";
import { shorten, textWidth } from "./text-width.js";

/** How a confusion matrix is drawn. */
export interface ConfusionOptions {
  /** A line above the matrix; "Confusion" when not given. */
  title?: string;
}

/** Up to this many classes, each cell shows its count. */
const MOST_COUNTS = 30;
const MARGIN = 24;
const HEAD_HEIGHT = 92;
const AXIS_HEIGHT = 30;
const LONGEST_LABEL = 190;
const SMALLEST_WIDTH = 420;
/** The longest side of the matrix itself; labels and margins come on top. */
const LONGEST_SIDE = 2600;
/** A name needs this many pixels of height to be read. */
const LABEL_PITCH = 9;

/**
 * Draws a confusion matrix as a heat map: a row for each true class, a column for each predicted class. A cell's colour says what share of
 * its row's photos it holds, blue on the diagonal (right) and orange beside it (wrong). Up to 30 classes the counts stand in the cells; with
 * more classes the names shrink, and with more than about 290 only every so many is written.
 *
 * @param confusion - photos counted by true class (row) and predicted class (column)
 * @param classes - the classes' names, at least one
 * @returns a PNG, at most 3000 pixels a side
 * @throws HeadstartError `INVALID_DATA` when the matrix is not as wide and as high as there are classes
 */
export async function drawConfusion(
  confusion: readonly (readonly number[])[],
  classes: readonly string[],
  options: ConfusionOptions = {},
): Promise<Buffer> {
  const count = classes.length;
  if (count === 0 || confusion.length !== count || confusion.some((row) => row.length !== count)) {
    throw new HeadstartError(
      "INVALID_DATA",
      `The confusion matrix does not fit the ${count} classes.`,
      "Give a row and a column for each class.",
    );
  }
  const cell = cellSize(count);
  const side = cell * count;
  const labelSize = Math.max(7, Math.min(14, cell * 0.8));
  const names = classes.map((name) => shorten(name, LONGEST_LABEL, labelSize));
  const longest = Math.max(...names.map((name) => textWidth(name, labelSize)));
  const flat = longest <= cell - 8;
  const left = MARGIN + AXIS_HEIGHT + Math.ceil(longest) + 10;
  const top = MARGIN + HEAD_HEIGHT;
  const under = flat ? Math.ceil(labelSize) + 12 : Math.ceil(longest) + 12;
  const width = Math.max(SMALLEST_WIDTH, Math.ceil(left + side) + MARGIN);
  const height = Math.ceil(top + side) + under + AXIS_HEIGHT + MARGIN - 8;

  const axis = { size: 14, anchor: "middle", fill: COLOURS.faint } as const;
  const title = shorten(options.title ?? "Confusion", width - 2 * MARGIN, 20, true);
  const subtitle = shorten(summary(confusion), width - 2 * MARGIN, 13);
  const parts = [
    text(MARGIN, MARGIN + 18, title, { size: 20, bold: true }),
    text(MARGIN, MARGIN + 42, subtitle, { size: 13, fill: COLOURS.faint }),
    ...legend(MARGIN, MARGIN + 66),
    text(MARGIN + 12, top + side / 2, "true", { ...axis, rotate: -90 }),
    text(left + side / 2, height - MARGIN + 4, "predicted", axis),
    ...cells(confusion, left, top, cell),
    ...rules(count, left, top, cell),
    border(left - 1, top - 1, side + 2, side + 2, 1, COLOURS.faint),
  ];
  const every = Math.ceil(LABEL_PITCH / cell);
  for (const [index, name] of names.entries()) {
    if (index % every !== 0) continue;
    const middle = (index + 0.5) * cell;
    const half = labelSize * 0.36;
    parts.push(text(left - 8, top + middle + half, name, { size: labelSize, anchor: "end" }));
    if (flat) {
      parts.push(
        text(left + middle, top + side + labelSize + 8, name, { size: labelSize, anchor: "middle" }),
      );
    } else {
      parts.push(
        text(left + middle + half, top + side + 8, name, { size: labelSize, anchor: "end", rotate: -90 }),
      );
    }
  }
  return renderPng(width, height, parts);
}

/** Large cells for few classes, small ones for many, never more than the longest side in all. */
function cellSize(count: number): number {
  const wanted = count <= MOST_COUNTS ? Math.max(32, Math.min(120, Math.floor(640 / count))) : 16;
  return Math.min(wanted, LONGEST_SIDE / count);
}

function summary(confusion: readonly (readonly number[])[]): string {
  let photos = 0;
  let right = 0;
  for (const [index, row] of confusion.entries()) {
    photos += row.reduce((total, value) => total + value, 0);
    right += row[index] ?? 0;
  }
  if (photos === 0) return "no photos";
  return `${right} of ${photos} photos right (${((100 * right) / photos).toFixed(1)}\u00a0%)`;
}

/** Says what the colours mean, on a line with its baseline at y. */
function legend(x: number, y: number): string[] {
  const style = { size: 13, fill: COLOURS.faint };
  return [
    rect(x, y - 11, 12, 12, COLOURS.blue),
    text(x + 18, y, "right", style),
    rect(x + 66, y - 11, 12, 12, COLOURS.orange),
    text(x + 84, y, "wrong", style),
    text(x + 144, y, "darker: more of the row's photos", style),
  ];
}

/** The cells that hold photos, with their counts where there is room. */
function cells(confusion: readonly (readonly number[])[], left: number, top: number, cell: number): string[] {
  const parts: string[] = [];
  for (const [row, counts] of confusion.entries()) {
    const photos = counts.reduce((total, value) => total + value, 0);
    for (const [column, value] of counts.entries()) {
      if (value === 0) continue;
      const x = left + column * cell;
      const y = top + row * cell;
      const share = value / photos;
      const colour = row === column ? COLOURS.blue : COLOURS.orange;
      // A single wrong photo among many must still be seen.
      const opacity = 0.12 + 0.88 * share;
      parts.push(rect(x, y, cell, cell, colour, opacity));
      if (confusion.length > MOST_COUNTS) continue;
      const content = String(value);
      const size = Math.min(15, cell * 0.42, (15 * (cell - 6)) / textWidth(content, 15));
      const fill = opacity > 0.6 ? COLOURS.background : COLOURS.text;
      parts.push(text(x + cell / 2, y + cell / 2 + size * 0.36, content, { size, anchor: "middle", fill }));
    }
  }
  return parts;
}

function rules(count: number, left: number, top: number, cell: number): string[] {
  if (cell < 6) return [];
  const side = count * cell;
  return Array.from({ length: count - 1 }, (_, index) => (index + 1) * cell).flatMap((at) => [
    line(left, top + at, left + side, top + at, COLOURS.rule, 0.5),
    line(left + at, top, left + at, top + side, COLOURS.rule, 0.5),
  ]);
}
