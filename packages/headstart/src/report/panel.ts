import { COLOURS } from "./colours.js";
import { drawStepLine, type StepLine } from "./steps.js";
import { disc, line, polyline, rect, ring, text } from "./svg.js";
import { textWidth } from "./text-width.js";
import { drawMarks, niceTicks } from "./ticks.js";

/** What a panel's name and legend take above its plot, in pixels. */
export const PANEL_HEAD = 58;

/** Where on the epoch axis a value stands, and which stage it belongs to. */
export interface PanelEpoch {
  /** The epoch's number. */
  epoch: number;
  /** The stage's number. */
  stage?: number;
  /** The image size in pixels. */
  imageSize?: number;
}

/** One line of a panel. */
export interface Series {
  /** What the legend calls it. */
  name: string;
  /** Its colour. */
  colour: string;
  /** Thickness of the line in pixels. */
  thickness: number;
  /** Whether its points are squares, and not discs. */
  square: boolean;
  /** A value for each epoch, null where there is none: the line has a gap there. */
  values: readonly (number | null)[];
}

/** One plot over the epochs. */
export interface Panel {
  /** What stands above it. */
  title: string;
  /** Left edge of the plot in pixels. */
  left: number;
  /** Upper edge of the plot in pixels. */
  top: number;
  /** Width of the plot in pixels; the numbers of its axes stand outside. */
  width: number;
  /** Height of the plot in pixels. */
  height: number;
  /** The lines; one without values is left out. */
  series: readonly Series[];
  /** Lines over the steps, behind the others, in the order in which they are painted. */
  steps: readonly StepLine[];
  /** The first and the last epoch of the epoch axis. */
  span: readonly [number, number];
  /** The marks of the value axis, rising; the axis goes from the first to the last. */
  ticks: readonly number[];
  /** How a mark is written. */
  format: (value: number) => string;
}

interface Scale {
  x: (epoch: number) => number;
  y: (value: number) => number;
}

/** A mark on the epoch axis for this many pixels. */
const MARK_WIDTH = 50;

/** Above this many epochs, points would only thicken the lines. */
const MOST_POINTS = 60;

/**
 * The SVG elements of a panel: axes, stages, lines, the kept epoch and the legend.
 *
 * @param panel - what to draw and where
 * @param history - the epochs in their order, at least one
 * @param best - the epoch to mark, if any
 */
export function drawPanel(panel: Panel, history: readonly PanelEpoch[], best: number | undefined): string[] {
  const scale = scaleOf(panel);
  const drawn = panel.series.filter(({ values }) => values.some((value) => value !== null));
  if (drawn.length === 0 && panel.steps.length === 0) return drawEmpty(panel);
  return [
    ...drawAxes(panel, scale),
    ...drawStages(panel, history, scale),
    ...drawSteps(panel, scale),
    ...drawn.flatMap((series) => drawSeries(series, history, scale)),
    ...drawBest(panel, drawn, history, scale, best),
    ...drawLegend(panel, drawn, history, best),
    ...drawStepLegend(panel),
  ];
}

function drawEmpty({ title, left, top, width, height }: Panel): string[] {
  const middle = { size: 15, anchor: "middle", fill: COLOURS.faint } as const;
  return [
    panelTitle(title, left, top),
    rect(left, top, width, height, COLOURS.missing, 0.5),
    text(left + width / 2, top + height / 2 + 5, "not measured", middle),
  ];
}

function panelTitle(title: string, left: number, top: number): string {
  return text(left, top - PANEL_HEAD + 16, title, { size: 16, bold: true });
}

/** One epoch stands in the middle; more go from edge to edge with a little room. */
function scaleOf({ left, top, width, height, ticks, span: [first, last] }: Panel): Scale {
  const low = ticks[0] ?? 0;
  const high = ticks.at(-1) ?? 1;
  const room = 14;
  const x =
    last === first
      ? () => left + width / 2
      : (epoch: number) => left + room + ((epoch - first) / (last - first)) * (width - 2 * room);
  return { x, y: (value) => top + height * (1 - (value - low) / (high - low)) };
}

function drawAxes(panel: Panel, scale: Scale): string[] {
  const { left, top, width, height, ticks, format } = panel;
  const [first, last] = panel.span;
  const bottom = top + height;
  const parts = drawMarks(left, width, ticks, format, scale.y);
  parts.push(line(left, bottom, left + width, bottom, COLOURS.faint));
  const epochs = last === first ? [first] : niceTicks(first, last, Math.floor(width / MARK_WIDTH), 1);
  for (const epoch of epochs.filter((tick) => tick >= first && tick <= last)) {
    const x = scale.x(epoch);
    parts.push(line(x, bottom, x, bottom + 5, COLOURS.faint));
    parts.push(text(x, bottom + 20, String(epoch), { size: 13, anchor: "middle", fill: COLOURS.faint }));
  }
  parts.push(
    text(left + width / 2, bottom + 42, "epoch", { size: 13, anchor: "middle", fill: COLOURS.faint }),
  );
  return parts;
}

/** A dashed line where a stage begins, and each stage's image size at its left end; nothing when there is one stage only. */
function drawStages(panel: Panel, history: readonly PanelEpoch[], scale: Scale): string[] {
  const starts = history.filter((point, index) => {
    const previous = history[index - 1];
    return previous === undefined || point.stage !== previous.stage || point.imageSize !== previous.imageSize;
  });
  if (starts.length < 2) return [];
  const parts: string[] = [];
  let labelEnd = 0;
  for (const [index, point] of starts.entries()) {
    const before = history[history.indexOf(point) - 1];
    const x = before === undefined ? panel.left : boundary(panel, before, point, scale);
    if (index > 0) parts.push(line(x, panel.top - 14, x, panel.top + panel.height, COLOURS.faint, 1, "4 4"));
    if (point.imageSize === undefined || x + 5 < labelEnd) continue;
    const label = `${point.imageSize} px`;
    labelEnd = x + 5 + textWidth(label, 12);
    parts.push(text(x + 5, panel.top - 6, label, { size: 12, fill: COLOURS.faint }));
  }
  return parts;
}

/** Where one stage ends and the next begins: between two epochs' points, or where the steps of the one epoch end. */
function boundary({ steps }: Panel, before: PanelEpoch, point: PanelEpoch, { x }: Scale): number {
  return steps.length > 0 ? x(before.epoch) : (x(before.epoch) + x(point.epoch)) / 2;
}

/** The lines over the steps; what lies above or below the axis is drawn at its end. */
function drawSteps({ top, height, steps }: Panel, scale: Scale): string[] {
  const y = (value: number) => Math.min(Math.max(scale.y(value), top), top + height);
  return steps.flatMap((line) => drawStepLine(line, scale.x, y));
}

function drawSeries(series: Series, history: readonly PanelEpoch[], scale: Scale): string[] {
  const { colour, thickness, values } = series;
  const runs: [number, number][][] = [[]];
  for (const [index, point] of history.entries()) {
    const value = values[index] ?? null;
    if (value === null) runs.push([]);
    else runs.at(-1)?.push([scale.x(point.epoch), scale.y(value)]);
  }
  const lines = runs.filter((run) => run.length > 1).map((run) => polyline(run, colour, thickness));
  const marked = history.length <= MOST_POINTS ? runs.flat() : runs.filter((run) => run.length === 1).flat();
  return [...lines, ...marked.map(([x, y]) => point(x, y, series))];
}

function point(x: number, y: number, { colour, square }: Series): string {
  return square ? rect(x - 3.5, y - 3.5, 7, 7, colour) : disc(x, y, 3.5, colour);
}

function drawBest(
  panel: Panel,
  drawn: readonly Series[],
  history: readonly PanelEpoch[],
  scale: Scale,
  best: number | undefined,
): string[] {
  const index = history.findIndex(({ epoch }) => epoch === best);
  const value = drawn.at(-1)?.values[index] ?? null;
  if (best === undefined || value === null) return [];
  const x = scale.x(best);
  const y = scale.y(value);
  return [
    line(x, y + 9, x, panel.top + panel.height, COLOURS.green, 1.5, "2 3"),
    ring(x, y, 8, COLOURS.green, 2.5),
  ];
}

/** The panel's name, and to its right the legend. */
function drawLegend(
  panel: Panel,
  drawn: readonly Series[],
  history: readonly PanelEpoch[],
  best: number | undefined,
): string[] {
  const y = panel.top - PANEL_HEAD + 16;
  const parts = [panelTitle(panel.title, panel.left, panel.top)];
  const kept =
    drawn.length > 0 && history.some(({ epoch }) => epoch === best) ? `epoch ${best}, kept` : undefined;
  let x = panel.left + panel.width;
  if (kept !== undefined) {
    parts.push(text(x, y, kept, { size: 13, anchor: "end" }));
    x -= textWidth(kept, 13) + 12;
    parts.push(ring(x, y - 4.5, 6, COLOURS.green, 2.5));
    x -= 24;
  }
  for (const series of [...drawn].reverse()) {
    parts.push(text(x, y, series.name, { size: 13, anchor: "end" }));
    x -= textWidth(series.name, 13) + 34;
    parts.push(
      line(x, y - 4.5, x + 28, y - 4.5, series.colour, series.thickness),
      point(x + 14, y - 4.5, series),
    );
    x -= 18;
  }
  return parts;
}

/** Below the panel's name and legend, what the lines over the steps are; nothing if there are no others to tell them from. */
function drawStepLegend({ left, top, width, series, steps }: Panel): string[] {
  if (series.length === 0) return [];
  const y = top - PANEL_HEAD + 36;
  let x = left + width;
  return [...steps].reverse().flatMap(({ name, colour, thickness }) => {
    const end = x;
    const start = end - textWidth(name, 13) - 34;
    x = start - 18;
    return [
      text(end, y, name, { size: 13, anchor: "end", fill: COLOURS.faint }),
      line(start, y - 4.5, start + 28, y - 4.5, colour, thickness + 0.5),
    ];
  });
}
