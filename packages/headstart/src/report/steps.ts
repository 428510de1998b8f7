import { exponentialMean } from "../training/index.js";
import { COLOURS } from "./colours.js";
import { disc, polyline } from "./svg.js";

/** What one step left behind. */
export interface StepPoint {
  /** The step's number, over all epochs. */
  step: number;
  /** Epochs done after the step, with their fraction: 1.5 in the middle of the second epoch. */
  epoch: number;
  /** Mean loss of the step's batch. */
  loss: number;
  /** Share of the batch answered right, from 0 to 1; null when not measured. */
  accuracy: number | null;
  /** The learning rate that the step took; null for an optimiser that has none. */
  learningRate: number | null;
}

/** One line over the steps. */
export interface StepLine {
  /** What the legend calls it. */
  name: string;
  /** Its colour. */
  colour: string;
  /** Thickness in pixels. */
  thickness: number;
  /** Where its points stand, in epochs, in rising order. */
  epochs: readonly number[];
  /** A value for each point; what is null or not finite is a gap. */
  values: readonly (number | null)[];
}

/** Above this many steps there is a smoothed line, because single batches scatter so much. */
const MOST_UNSMOOTHED = 50;
/** The smoothed line looks back over this part of all steps. */
const SMOOTHED_PART = 1 / 50;
/** And over as many steps at least. */
const LEAST_SMOOTHED = 10;

/**
 * The lines of one figure over the steps: as it is and, if there are more than 50 steps, smoothed by a debiased exponential mean over a
 * fiftieth of them, at least ten. The legend says over how many.
 *
 * @param steps - the steps in their order
 * @param figure - the value of a step
 */
export function stepLines(
  steps: readonly StepPoint[],
  figure: (point: StepPoint) => number | null,
): StepLine[] {
  const values = steps.map(figure);
  if (!values.some(drawable)) return [];
  const epochs = steps.map(({ epoch }) => epoch);
  const raw = { name: "each step", colour: COLOURS.paleBlue, thickness: 1, epochs, values };
  if (steps.length <= MOST_UNSMOOTHED) return [raw];
  const count = Math.max(Math.round(steps.length * SMOOTHED_PART), LEAST_SMOOTHED);
  const smooth = exponentialMean(values, 1 - 1 / count);
  const name = `mean of about ${count} steps`;
  return [raw, { name, colour: COLOURS.lightBlue, thickness: 1.5, epochs, values: smooth }];
}

/**
 * The least and the greatest value that an axis has to hold, of the smoothest line: all but the outermost 2 % on either side, which are
 * drawn at the axis's end. None if there is no value.
 *
 * @param lines - as {@link stepLines} gives them
 */
export function bulk(lines: readonly StepLine[]): number[] {
  const sorted = (lines.at(-1)?.values ?? []).filter(drawable).sort((a, b) => a - b);
  const cut = Math.floor(sorted.length * 0.02);
  return [...sorted.slice(cut, cut + 1), ...sorted.slice(sorted.length - 1 - cut, sorted.length - cut)];
}

/**
 * The SVG elements of a line over steps. However many steps there are, each pixel column has four points at most: the first, the
 * lowest, the highest and the last of it, between which a line looks the same (U. Jugel et al., "M4: a visualization-oriented time
 * series data aggregation", 2014). A point between two gaps is a dot.
 *
 * @param line - the line
 * @param x - pixels from the left of an epoch
 * @param y - pixels from the top of a value
 */
export function drawStepLine(
  { colour, thickness, epochs, values }: StepLine,
  x: (epoch: number) => number,
  y: (value: number) => number,
): string[] {
  const runs: [number, number][][] = [[]];
  for (const [index, value] of values.entries()) {
    if (drawable(value)) runs.at(-1)?.push([x(epochs[index] ?? 0), y(value)]);
    else if (runs.at(-1)?.length !== 0) runs.push([]);
  }
  const lines = runs.filter((run) => run.length > 1).map((run) => polyline(thin(run), colour, thickness));
  const alone = thin(runs.filter((run) => run.length === 1).flat());
  return [...lines, ...alone.map(([left, top]) => disc(left, top, thickness + 0.5, colour))];
}

/** Leaves out the points of each pixel column that are neither its first, lowest, highest nor last. */
export function thin(points: readonly [number, number][]): [number, number][] {
  const kept: [number, number][] = [];
  for (let from = 0; from < points.length; ) {
    const column = Math.floor(points[from]?.[0] ?? 0);
    let [to, low, high] = [from, from, from];
    for (; to < points.length && Math.floor(points[to]?.[0] ?? 0) === column; to++) {
      if ((points[to]?.[1] ?? 0) < (points[low]?.[1] ?? 0)) low = to;
      if ((points[to]?.[1] ?? 0) > (points[high]?.[1] ?? 0)) high = to;
    }
    const indices = [...new Set([from, low, high, to - 1])].sort((a, b) => a - b);
    kept.push(...indices.flatMap((index) => points.slice(index, index + 1)));
    from = to;
  }
  return kept;
}

/** Whether there is a value that can be drawn. */
export function drawable(value: number | null): value is number {
  return Number.isFinite(value);
}
