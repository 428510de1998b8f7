import { COLOURS } from "./colours.js";
import { line, text } from "./svg.js";

/**
 * Round numbers that divide an axis: steps of 1, 2 or 5 times a power of ten, after the idea of P. S. Heckbert, "Nice numbers for graph
 * labels", Graphics Gems (1990). The first is at or below `low`, the last at or above `high`.
 *
 * @param low - the least value to show
 * @param high - the greatest value to show; when it equals `low`, the axis goes one step further
 * @param about - how many steps are wanted; the outcome has as many, or a few more or less
 * @param smallestStep - a step is never smaller than this, 1 for whole numbers
 */
export function niceTicks(low: number, high: number, about: number, smallestStep = 0): number[] {
  const span = high > low ? high - low : Math.max(Math.abs(low) * 0.1, smallestStep, 1e-6);
  const step = Math.max(roundStep(span / about), smallestStep);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, index) => trim((first + index) * step));
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((candidate) => rough / power <= candidate * 1.0001) ?? 10;
  return factor * power;
}

/** Takes the dust of binary fractions off: 0.30000000000000004 is 0.3. */
function trim(value: number): number {
  return Number(value.toPrecision(12));
}

/**
 * The SVG elements of a value axis: for each mark a rule over the whole width, and its number to the left.
 *
 * @param left - left edge of the plot in pixels
 * @param width - its width in pixels
 * @param ticks - the marks
 * @param format - how a mark is written
 * @param y - pixels from the top of a mark
 */
export function drawMarks(
  left: number,
  width: number,
  ticks: readonly number[],
  format: (value: number) => string,
  y: (value: number) => number,
): string[] {
  return ticks.flatMap((tick) => [
    line(left, y(tick), left + width, y(tick), COLOURS.rule),
    text(left - 8, y(tick) + 4.5, format(tick), { size: 13, anchor: "end", fill: COLOURS.faint }),
  ]);
}
