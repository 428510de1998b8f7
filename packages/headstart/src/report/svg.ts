import { COLOURS } from "./colours.js";
import { FONT_FAMILY } from "./fonts.js";

/** How a text is drawn: see {@link text}. */
export interface TextStyle {
  /** Font size in pixels; 14 when not given. */
  size?: number;
  /** Bold instead of regular. */
  bold?: boolean;
  /** Colour; dark grey when not given. */
  fill?: string;
  /** Which point of the text stands at x: its start (when not given), middle or end. */
  anchor?: "start" | "middle" | "end";
  /** Turn about (x, y) in degrees, clockwise. */
  rotate?: number;
}

/** The characters that XML cannot hold: most controls, lone surrogates and two that are no characters. */
const NOT_XML = /[\p{Control}\p{Surrogate}\ufffe\uffff]/gu;
/** Characters that turn the direction of what follows them. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Makes any string safe to draw on one line: line breaks and tabs become spaces, characters that XML cannot hold become "�", and
 * characters that would turn the direction of the text after them go.
 */
export function oneLine(value: string): string {
  return value
    .replace(/[\s\u0085]+/g, " ")
    .replace(DIRECTION, "")
    .replace(NOT_XML, "\ufffd");
}

/** Escapes a string for SVG text and attribute values, whatever it holds. */
export function escapeXml(value: string): string {
  return oneLine(value)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A text with its baseline at y; the content is escaped. */
export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 14, bold = false, fill = COLOURS.text, anchor = "start", rotate = 0 } = style;
  const weight = bold ? ' font-weight="bold"' : "";
  const turn = rotate === 0 ? "" : ` transform="rotate(${rotate} ${round(x)} ${round(y)})"`;
  const place = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${turn}`;
  return `<text ${place} font-family="${FONT_FAMILY}" font-size="${round(size)}"${weight} fill="${fill}">${escapeXml(content)}</text>`;
}

/** A filled rectangle, `opacity` from 0 to 1. */
export function rect(x: number, y: number, width: number, height: number, fill: string, opacity = 1): string {
  const alpha = opacity === 1 ? "" : ` fill-opacity="${round(opacity)}"`;
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"${alpha}/>`;
}

/** A border of `thickness` pixels just inside the rectangle. */
export function border(
  x: number,
  y: number,
  width: number,
  height: number,
  thickness: number,
  colour: string,
): string {
  const inset = thickness / 2;
  const box = `x="${x + inset}" y="${y + inset}" width="${width - thickness}" height="${height - thickness}"`;
  return `<rect ${box} fill="none" stroke="${colour}" stroke-width="${thickness}"/>`;
}

/** A straight line; `dash` is an SVG dash pattern such as "4 4". */
export function line(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  colour: string,
  thickness = 1,
  dash = "",
): string {
  const dashes = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  const ends = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${ends} stroke="${colour}" stroke-width="${thickness}"${dashes}/>`;
}

/** A line through points, with round corners. */
export function polyline(
  points: readonly (readonly [number, number])[],
  colour: string,
  thickness: number,
): string {
  const path = points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${thickness}" stroke-linejoin="round" stroke-linecap="round"/>`;
}

/** A filled circle. */
export function disc(x: number, y: number, radius: number, fill: string): string {
  return `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${fill}"/>`;
}

/** A circle's outline. */
export function ring(x: number, y: number, radius: number, colour: string, thickness: number): string {
  return `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="none" stroke="${colour}" stroke-width="${thickness}"/>`;
}

/** A whole SVG document on a white ground. */
export function svgDocument(width: number, height: number, parts: readonly string[]): string {
  const ground = rect(0, 0, width, height, COLOURS.background);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${ground}${parts.join("")}</svg>`;
}

/** Coordinates to a hundredth of a pixel: short, and the same on every machine. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
