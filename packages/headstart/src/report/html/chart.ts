import { niceTicks } from "../ticks.js";
import { type Html, html } from "./html.js";

/** A line of a chart. */
export interface ChartLine {
  readonly name: string;
  /** Names the colour and the dash in the style sheet: `first` or `second`. */
  readonly look: "first" | "second";
  /** As many as there are places; what is null or not finite is a gap. */
  readonly values: readonly (number | null)[];
  /** As many intervals, or null for none: the values are then dots with whiskers instead of a line. */
  readonly whiskers?: readonly (readonly [number, number] | null)[];
}

/** A chart of lines over the same places. */
export interface Chart {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, for who cannot see it. */
  readonly description: string;
  readonly lines: readonly ChartLine[];
  /** Never falling, as many as each line has values. */
  readonly places: readonly number[];
  /** What the places are, such as `epoch`. */
  readonly unit: string;
  readonly format: (value: number) => string;
  /** A place that is marked. */
  readonly marked?: number | null;
  /** The least and the greatest value that the axis holds at least. */
  readonly range?: readonly [number, number];
  /** The first and the last place of the axis, where it holds more than the values. */
  readonly span?: readonly [number, number];
  /** Default: `wide`. */
  readonly shape?: keyof typeof SHAPES;
}

const SHAPES = { wide: [560, 280], small: [320, 250] } as const;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 14, 40];
/** Points in a line; of more, every so many is drawn. */
const MOST_POINTS = 600;

/** Draws a chart as an SVG that takes its colours from the page. */
export function drawChart(chart: Chart): Html {
  const { id, title, description, lines, places, unit, format, marked } = chart;
  const [width, height] = SHAPES[chart.shape ?? "wide"];
  const values = lines.flatMap((line) => line.values.filter(isDrawn));
  const [least, greatest] = chart.range ?? [0, 0];
  const ticks = niceTicks(Math.min(least, ...extent(values)), Math.max(greatest, ...extent(values)), 5);
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const [first, last] = chart.span ?? [places[0] ?? 0, places.at(-1) ?? 1];
  const x = (place: number) =>
    last === first
      ? LEFT + (width - LEFT - RIGHT) / 2
      : LEFT + ((place - first) / (last - first)) * (width - LEFT - RIGHT);
  const y = (value: number) => height - BOTTOM - ((value - low) / (high - low)) * (height - TOP - BOTTOM);
  const marks = niceTicks(first, last, 6, 1).filter((place) => place >= first && place <= last);
  return html`<figure class="chart"><figcaption><b>${title}</b>${lines.map(legend)}</figcaption>
<svg class="of-${chart.shape ?? "wide"}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-t"><title id="${id}-t">${description}</title>
${ticks.map(
  (
    tick,
  ) => html`<line class="rule" x1="${LEFT}" x2="${width - RIGHT}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>
<text class="mark end" x="${LEFT - 8}" y="${round(y(tick) + 4)}">${format(tick)}</text>`,
)}
${marks.map((place) => html`<text class="mark mid" x="${round(x(place))}" y="${height - BOTTOM + 18}">${String(place)}</text>`)}
<text class="mark mid" x="${LEFT + (width - LEFT - RIGHT) / 2}" y="${height - 4}">${unit}</text>
${marked != null && html`<line class="kept" x1="${round(x(marked))}" x2="${round(x(marked))}" y1="${TOP}" y2="${height - BOTTOM}"/>`}
${lines.map((line) => drawLine(line, places, x, y, marked ?? null))}
</svg></figure>`;
}

function legend({ name, look, whiskers }: ChartLine): Html {
  if (whiskers !== undefined)
    return html`<span class="key"><svg viewBox="0 0 22 8" aria-hidden="true"><circle class="dot ${look}" cx="11" cy="4" r="4"/></svg>${name}</span>`;
  return html`<span class="key"><svg viewBox="0 0 22 8" aria-hidden="true"><line class="line ${look}" x1="0" x2="22" y1="4" y2="4"/></svg>${name}</span>`;
}

function drawLine(
  { look, values, whiskers }: ChartLine,
  places: readonly number[],
  x: (place: number) => number,
  y: (value: number) => number,
  marked: number | null,
): Html {
  if (whiskers !== undefined)
    return html`${values.map((value, index) => {
      const range = whiskers[index];
      const at = round(x(places[index] ?? 0));
      return (
        isDrawn(value) &&
        html`${range && html`<line class="whisker ${look}" x1="${at}" x2="${at}" y1="${round(y(range[0]))}" y2="${round(y(range[1]))}"/>`}<circle class="dot ${look}" cx="${at}" cy="${round(y(value))}" r="4.5"/>`
      );
    })}`;
  const every = Math.ceil(values.length / MOST_POINTS);
  const runs: string[][] = [[]];
  for (const [index, value] of values.entries()) {
    if (index % every !== 0 && index !== values.length - 1) continue;
    if (isDrawn(value)) runs.at(-1)?.push(`${round(x(places[index] ?? 0))},${round(y(value))}`);
    else if ((runs.at(-1)?.length ?? 0) > 0) runs.push([]);
  }
  const [dotted] = places.flatMap((place, index) => (place === marked ? [values[index]] : []));
  return html`${runs.map((points) =>
    points.length === 1
      ? html`<circle class="dot ${look}" cx="${(points[0] ?? "").split(",")[0]}" cy="${(points[0] ?? "").split(",")[1]}" r="3"/>`
      : points.length > 1 && html`<polyline class="line ${look}" points="${points.join(" ")}"/>`,
  )}${marked !== null && isDrawn(dotted) && html`<circle class="ring ${look}" cx="${round(x(marked))}" cy="${round(y(dotted))}" r="5"/>`}`;
}

/** The least and the greatest of any number of values; 0 and 0 for none. */
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 0];
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

function isDrawn(value: number | null | undefined): value is number {
  return value != null && Number.isFinite(value);
}

/** Coordinates to a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
