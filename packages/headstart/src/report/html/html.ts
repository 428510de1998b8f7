/** A piece of HTML that is known to be whole and escaped. Only {@link html} and {@link trusted} make one. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a `${}` of {@link html}: texts and numbers, which are escaped; HTML; lists of these; nothing. */
export type Content = Html | string | number | undefined | null | false | readonly Content[];

/** Characters that turn the direction of what follows them. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;
/** Controls other than tab and line feed, lone surrogates, and two that are no characters: HTML cannot hold them. */
const NO_TEXT = /[^\P{Control}\t\n]|[\p{Surrogate}\ufffe\uffff]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Escapes a text for the content of an element or a quoted attribute, whatever it holds. Characters that would turn the direction of the
 * text behind them go; those that HTML cannot hold become "\ufffd".
 */
export function escapeHtml(text: string): string {
  return text
    .replace(DIRECTION, "")
    .replace(NO_TEXT, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/**
 * A template of HTML. Everything in `${}` is escaped unless it is {@link Html} itself, so that no text of a user can become markup by
 * accident. Attributes that hold a `${}` must be quoted.
 *
 * @example
 * html`<p>${"<script>"}</p>`.toString(); // "<p>&lt;script&gt;</p>"
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  const parts: string[] = [];
  for (const [index, text] of strings.entries()) {
    parts.push(text);
    if (index < values.length) append(parts, values[index]);
  }
  return new Html(parts.join(""));
}

/** Text of the library itself, such as its style sheet, as HTML. Never for what a user wrote. */
export function trusted(text: string): Html {
  return new Html(text);
}

function append(parts: string[], value: Content): void {
  if (value === undefined || value === null || value === false) return;
  if (value instanceof Html) parts.push(value.toString());
  else if (typeof value === "string") parts.push(escapeHtml(value));
  else if (typeof value === "number") parts.push(String(value));
  else for (const one of value) append(parts, one);
}
