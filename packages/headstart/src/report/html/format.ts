import type { Split } from "../../data/index.js";
import type { Measure } from "./data.js";
import { type Html, html } from "./html.js";

/** How each split is called in headings. */
export const SPLIT_TITLES: Readonly<Record<Split, string>> = {
  train: "Training",
  validation: "Validation",
  test: "Test",
};

/** How the photos of each split are called. */
export const SPLIT_WORDS: Readonly<Record<Split, string>> = {
  train: "training",
  validation: "validation",
  test: "test",
};

/** A share as a percentage, such as `98.1 %`; a dash where there is none. */
export function percent(share: number | null | undefined): string {
  return share == null ? "–" : `${(share * 100).toFixed(1)}\u00a0%`;
}

/** A probability as a percentage that is never rounded to certainty: `98 %`, `99.9 %`, `> 99.9 %`. */
export function sureness(probability: number): string {
  if (probability >= 0.9995) return ">\u00a099.9\u00a0%";
  if (probability >= 0.99) return `${(Math.floor(probability * 1000) / 10).toFixed(1)}\u00a0%`;
  return `${Math.round(probability * 100)}\u00a0%`;
}

/** A whole number with commas. */
export function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** A number with its noun, such as `1 photo` or `2,300 photos`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${whole(value)} ${value === 1 ? noun : plural}`;
}

/** A measure's value. */
export function measured({ value, kind }: Pick<Measure, "value" | "kind">): string {
  if (value === null) return "–";
  return kind === "share" ? percent(value) : value.toFixed(4);
}

/** A measure's interval, such as `91.7 to 98.2 %`; empty where there is none. */
export function intervalOf({ interval, kind }: Pick<Measure, "interval" | "kind">): string {
  if (interval === null) return "";
  const [low, high] = interval;
  return kind === "share"
    ? `${(low * 100).toFixed(1)} to ${percent(high)}`
    : `${low.toFixed(4)} to ${high.toFixed(4)}`;
}

/** A text of a user's, kept apart from the direction of what stands around it. */
export function own(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}
