import { relative, resolve, sep } from "node:path";

/** A share as a percentage with one decimal, such as `98.1 %`; a dash where there is none. */
export function percent(share: number | null | undefined): string {
  return share == null ? "-" : `${(share * 100).toFixed(1)} %`;
}

/** An interval of shares, such as `91.7 to 98.2 %`; a dash where there is none. */
export function percentRange(interval: readonly [number, number] | null): string {
  return interval === null ? "-" : `${(interval[0] * 100).toFixed(1)} to ${percent(interval[1])}`;
}

/** A loss with four decimals; a dash where there is none. */
export function figure(value: number | null): string {
  return value === null ? "-" : value.toFixed(4);
}

/** A whole number with commas, such as `4,652,008`. */
export function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** A size in units of 1000, such as `1.2 GB`. */
export function bytes(size: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  return power === 0 ? `${size} bytes` : `${(size / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** A time, such as `8.2 s`, `2 min 5 s` or `1 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** A path for the eye: from the current folder where it is inside, as a whole otherwise. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), resolve(path));
  if (near === "") return ".";
  return near.startsWith(`..${sep}`) || near === ".." ? resolve(path) : near;
}

/** A path as a shell takes it in one piece. */
export function shellPath(path: string): string {
  const shown = shownPath(path);
  return /^[\p{L}\p{N}_./\\:@%+=,-]+$/u.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}

/** A text without characters that would steer a terminal, such as a file's name can hold. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

/** The number of characters that a terminal shows. */
export function width(text: string): number {
  let sum = 0;
  for (const character of text.normalize("NFC")) {
    if (/\p{Mark}/u.test(character)) continue;
    sum +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return sum;
}

/** A text of exactly this width: blanks behind it, or in front of it with `right`. */
export function pad(text: string, columns: number, side: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - width(text)));
  return side === "left" ? text + blanks : blanks + text;
}

/** A text of at most this width, its middle left out where it is longer. */
export function shorten(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  const characters = [...text];
  const half = Math.floor((columns - 1) / 2);
  return `${characters.slice(0, columns - 1 - half).join("")}…${characters.slice(-half).join("")}`;
}

/** A path of at most this width, its beginning left out where it is longer: the end tells photos apart. */
export function shortenPath(path: string, columns: number): string {
  if (width(path) <= columns) return path;
  const kept: string[] = [];
  let room = columns - 1;
  for (const character of [...path].reverse()) {
    room -= width(character);
    if (room < 0) break;
    kept.unshift(character);
  }
  return `…${kept.join("")}`;
}

/**
 * A table's lines, its columns as wide as what they hold and two blanks apart.
 *
 * @param head - the headings
 * @param rows - as many texts each
 * @param right - which columns stand at the right; by default all but the first
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: (column: number) => boolean = (column) => column > 0,
): string[] {
  const widths = head.map((heading, column) =>
    Math.max(width(heading), ...rows.map((row) => width(row[column] ?? ""))),
  );
  return [head, ...rows].map((row) =>
    widths
      .map((columns, column) => pad(row[column] ?? "", columns, right(column) ? "right" : "left"))
      .join("  ")
      .trimEnd(),
  );
}
