import { oneLine } from "./svg.js";

/** Widths of DejaVu Sans in thousandths of the font size, rounded up to fifties: the characters of each width. */
const WIDTHS: readonly [width: number, characters: string][] = [
  [300, "'IJijl"],
  [350, " ,./:;\\|\u00a0"],
  [400, "()-[]ft"],
  [450, "!r"],
  [500, '"*_`'],
  [550, "?csz"],
  [600, "FLkvxy"],
  [650, "$0123456789EPSTYabdeghnopqu{}"],
  [700, "ABCKRVXZ"],
  [750, "NU"],
  [800, "&DGHOQ"],
  [850, "#+<=>^w~"],
  [900, "M"],
  [1000, "%@Wm\u2026"],
];
const WIDTH_OF = new Map(WIDTHS.flatMap(([width, characters]) => [...characters].map((c) => [c, width])));

const MARKS = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]$/u;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60]$/u;
const EMOJI = /^\p{Extended_Pictographic}$/u;
const LATIN = /^\p{Script=Latin}$/u;

/** Bold letters are wider: by a quarter the narrow ones, by less the others. */
const BOLD = 1.2;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** How wide a text is at most, in pixels, as a rule: an estimate on the generous side, character by character. */
export function textWidth(content: string, size: number, bold = false): number {
  let thousandths = 0;
  for (const character of content) thousandths += characterWidth(character);
  return (thousandths / 1000) * size * (bold ? BOLD : 1);
}

/** The text when it fits into `width` pixels; otherwise as much of its beginning as fits with an ellipsis. Never cuts inside a character. */
export function shorten(content: string, width: number, size: number, bold = false): string {
  const whole = oneLine(content);
  if (textWidth(whole, size, bold) <= width) return whole;
  const room = width - textWidth("…", size, bold);
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes.segment(whole)) {
    used += textWidth(segment, size, bold);
    if (used > room) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Breaks a text into lines of at most `width` pixels, between words where it can; the last of at most `count` lines is shortened. */
export function wrap(content: string, width: number, size: number, count: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of oneLine(content).trim().split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && lines.length < count - 1 && textWidth(longer, size) > width) {
      lines.push(current);
      current = word;
    } else {
      current = longer;
    }
  }
  return [...lines, current].map((line) => shorten(line, width, size));
}

function characterWidth(character: string): number {
  const known = WIDTH_OF.get(character);
  if (known !== undefined) return known;
  if (MARKS.test(character)) return 0;
  if (WIDE.test(character)) return 1050;
  if (EMOJI.test(character)) return 1350;
  return LATIN.test(character) ? 700 : 800;
}
