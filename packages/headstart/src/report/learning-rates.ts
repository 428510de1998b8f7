import { HeadstartError } from "../errors.js";
import { type LearningRatePoint, smoothLosses } from "../training/index.js";
import { COLOURS } from "./colours.js";
import { renderPng } from "./render.js";
import { drawable, drawStepLine } from "./steps.js";
import { line, ring, text } from "./svg.js";
import { shorten, textWidth } from "./text-width.js";
import { drawMarks, niceTicks } from "./ticks.js";

/** How a sweep over learning rates is drawn. */
export interface LearningRatesOptions {
  /** The rate to train with: it is marked and written. None when not given. */
  suggestion?: number | undefined;
  /** The rate at which the loss falls fastest: it is marked and written. None when not given. */
  steepest?: number | undefined;
  /** A line above the plot; none when not given. */
  title?: string;
}

interface Plot {
  readonly x: (rate: number) => number;
  readonly y: (loss: number) => number;
  readonly bottom: number;
}

const WIDTH = 1240;
const MARGIN = 24;
const TITLE_HEIGHT = 40;
const HEAD_HEIGHT = 34;
const LEFT = MARGIN + 60;
const PLOT_WIDTH = WIDTH - MARGIN - LEFT;
const PLOT_HEIGHT = 380;
const FOOT_HEIGHT = 50;

/** The axis goes this part of the fall above where the loss began. */
const HEADROOM = 0.25;

/**
 * Draws a sweep over learning rates: the loss of each step's batch against its learning rate, on a logarithmic axis, and bold its
 * smoothed course ({@link smoothLosses}). The suggestion has a ring, with its value beside it; so has the steepest point, with its
 * value in the legend. The picture ends where the loss has run away: where the smoothed loss has risen for good above where it began,
 * by a quarter of how far it fell. Single losses above that are drawn at the edge.
 *
 * @param points - the steps in order, at rising rates greater than 0; those whose loss is not finite are gaps
 * @returns a PNG, 1240 pixels wide
 * @throws HeadstartError `INVALID_OPTION` if there is no step
 */
export async function drawLearningRates(
  points: readonly LearningRatePoint[],
  options: LearningRatesOptions = {},
): Promise<Buffer> {
  if (points.length === 0)
    throw new HeadstartError("INVALID_OPTION", "There is no step to draw.", "Take at least one step.");
  const { suggestion, steepest, title } = options;
  const smooth = smoothLosses(points);
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT) + HEAD_HEIGHT;
  const bottom = top + PLOT_HEIGHT;
  const highest = ceiling(smooth);
  const shown = points.slice(0, lengthShown(smooth, highest));
  const ticks = niceTicks(floor(shown, smooth), highest, 6);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const [first, last] = span(shown.map(({ learningRate }) => learningRate));
  const plot: Plot = {
    bottom,
    x: (rate) => LEFT + (Math.log(rate / first) / Math.log(last / first)) * PLOT_WIDTH,
    y: (loss) => Math.min(Math.max(bottom - ((loss - low) / (high - low)) * PLOT_HEIGHT, top), bottom),
  };
  const rates = shown.map(({ learningRate }) => learningRate);
  const lines = [
    { name: "each step", colour: COLOURS.lightBlue, thickness: 1, values: within(shown, high) },
    { name: "smoothed", colour: COLOURS.blue, thickness: 3, values: smooth.slice(0, shown.length) },
  ];
  const marks = [
    { name: "steepest fall", colour: COLOURS.orange, rate: steepest },
    { name: "suggestion", colour: COLOURS.green, rate: suggestion },
  ].flatMap(({ rate, ...mark }) => {
    const index = shown.findIndex(({ learningRate }) => learningRate === rate);
    const loss = smooth[index] ?? null;
    return rate !== undefined && loss !== null ? [{ ...mark, rate, loss }] : [];
  });
  const heading =
    title === undefined
      ? []
      : [text(MARGIN, MARGIN + 18, shorten(title, WIDTH - 2 * MARGIN, 20, true), { size: 20, bold: true })];
  return renderPng(WIDTH, bottom + FOOT_HEIGHT + MARGIN - 8, [
    ...drawMarks(LEFT, PLOT_WIDTH, ticks, figure, plot.y),
    ...rateAxis(first, last, plot),
    ...lines.flatMap((each) => drawStepLine({ ...each, epochs: rates }, plot.x, plot.y)),
    ...marks.flatMap((mark) => drawMark(mark, plot)),
    ...suggested(marks.at(-1), suggestion, plot),
    ...legend(lines, marks, top - 14),
    text(LEFT, top - 14, "Loss", { size: 16, bold: true }),
    ...heading,
  ]);
}

/** The first and the last rate, or a decade about a single one. */
function span(rates: readonly number[]): readonly [number, number] {
  const [first = 1, last = 1] = [rates[0], rates.at(-1)];
  return last > first ? [first, last] : [first / Math.sqrt(10), first * Math.sqrt(10)];
}

/**
 * The highest loss that is shown: a quarter of the fall above the highest smoothed loss before the lowest. Where nothing falls, what is
 * not in the highest tenth.
 */
function ceiling(smooth: readonly (number | null)[]): number {
  const losses = smooth.filter(drawable);
  if (losses.length === 0) return 1;
  const lowest = losses.reduce((least, loss) => Math.min(least, loss));
  const begun = losses.slice(0, losses.indexOf(lowest) + 1).reduce((most, loss) => Math.max(most, loss));
  if (begun > lowest) return begun + HEADROOM * (begun - lowest);
  const sorted = losses.sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.9)] ?? lowest;
}

/** How many points come before the smoothed loss is above the ceiling for good, and one more to see it rise. */
function lengthShown(smooth: readonly (number | null)[], highest: number): number {
  return Math.min(smooth.findLastIndex((loss) => loss !== null && loss <= highest) + 2, smooth.length);
}

/** The lowest loss that is shown: of the smoothed line all, of single losses all but the lowest fiftieth. */
function floor(points: readonly LearningRatePoint[], smooth: readonly (number | null)[]): number {
  const single = points
    .map(({ loss }) => loss)
    .filter(drawable)
    .sort((a, b) => a - b);
  const lowest = smooth
    .filter(drawable)
    .reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY);
  return Math.min(lowest, single[Math.floor(single.length / 50)] ?? 0);
}

/** The single losses, without those that lie above the axis together with both of their neighbours. */
function within(points: readonly LearningRatePoint[], high: number): (number | null)[] {
  const above = (index: number) => (points[index]?.loss ?? Number.POSITIVE_INFINITY) > high;
  return points.map(({ loss }, index) =>
    above(index - 1) && above(index) && above(index + 1) ? null : loss,
  );
}

/** A loss as the axis writes it. */
function figure(loss: number): string {
  return loss !== 0 && Math.abs(loss) < 1e-4 ? loss.toExponential() : String(loss);
}

/** Marks at the powers of ten, numbered; smaller ones at twice and five times those, numbered where there are few powers. */
function rateAxis(first: number, last: number, { x, bottom }: Plot): string[] {
  const parts = [line(LEFT, bottom, LEFT + PLOT_WIDTH, bottom, COLOURS.faint)];
  const few = last / first < 1000;
  for (let power = Math.floor(Math.log10(first)); power <= Math.log10(last); power++) {
    for (const factor of [1, 2, 5]) {
      const rate = Number(`${factor}e${power}`);
      if (rate < first * 0.999 || rate > last * 1.001) continue;
      const numbered = factor === 1 || few;
      parts.push(line(x(rate), bottom, x(rate), bottom + (numbered ? 6 : 3), COLOURS.faint));
      const style = { size: 13, anchor: "middle", fill: COLOURS.faint } as const;
      if (numbered) parts.push(text(x(rate), bottom + 21, written(rate), style));
    }
  }
  const style = { size: 13, anchor: "middle", fill: COLOURS.faint } as const;
  return [...parts, text(LEFT + PLOT_WIDTH / 2, bottom + 42, "learning rate", style)];
}

interface Mark {
  readonly name: string;
  readonly colour: string;
  readonly rate: number;
  readonly loss: number;
}

function drawMark({ colour, rate, loss }: Mark, { x, y, bottom }: Plot): string[] {
  return [
    line(x(rate), y(loss) + 9, x(rate), bottom, colour, 1.5, "2 3"),
    ring(x(rate), y(loss), 8, colour, 3),
  ];
}

/** The suggestion's value above and to the right of its ring, where a falling line leaves room; to the left at the right edge. */
function suggested(mark: Mark | undefined, suggestion: number | undefined, { x, y }: Plot): string[] {
  if (mark === undefined || mark.rate !== suggestion) return [];
  const label = written(mark.rate);
  const room = x(mark.rate) + 12 + textWidth(label, 18, true) < LEFT + PLOT_WIDTH;
  const at = x(mark.rate) + (room ? 12 : -12);
  return [
    text(at, y(mark.loss) - 12, label, {
      size: 18,
      bold: true,
      fill: mark.colour,
      anchor: room ? "start" : "end",
    }),
  ];
}

/** To the right above the plot: the lines, then the marks with their values. */
function legend(
  lines: readonly { readonly name: string; readonly colour: string; readonly thickness: number }[],
  marks: readonly Mark[],
  y: number,
): string[] {
  let end = LEFT + PLOT_WIDTH;
  const entry = (label: string, width: number, draw: (start: number) => string) => {
    const start = end - textWidth(label, 13) - width - 6;
    const parts = [text(end, y, label, { size: 13, anchor: "end" }), draw(start)];
    end = start - 18;
    return parts;
  };
  return [
    ...marks
      .toReversed()
      .flatMap(({ name, colour, rate }) =>
        entry(`${name} ${written(rate)}`, 12, (start) => ring(start + 6, y - 4.5, 6, colour, 2.5)),
      ),
    ...lines
      .toReversed()
      .flatMap(({ name, colour, thickness }) =>
        entry(name, 28, (start) => line(start, y - 4.5, start + 28, y - 4.5, colour, thickness)),
      ),
  ];
}

/** A rate with two digits: 0.0021, or 2.1e-4 below a thousandth. */
function written(rate: number): string {
  const rounded = Number(rate.toPrecision(2));
  return rounded >= 0.001 ? String(rounded) : rounded.toExponential();
}
