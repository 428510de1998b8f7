import { type Content, type Html, html } from "./html.js";

/** A column of a table. */
export interface Column {
  readonly name: string;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

/** A cell, and what it is sorted by where a reader sorts the table. */
export type Cell = Content | { readonly shown: Content; readonly by: number | null };

/** How a table is made. */
export interface TableOptions {
  /** What the table holds; read out, and shown where `isCaptionShown`. */
  readonly caption: string;
  readonly isCaptionShown?: boolean;
  /** Whether a reader may sort it by its columns. */
  readonly isSortable?: boolean;
}

/** A table whose first column names its rows, in a box that can be moved sideways where it is too wide. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { caption, isCaptionShown = false, isSortable = false }: TableOptions,
): Html {
  const look = (index: number) => (columns[index]?.isNumber ? "number" : "");
  return html`<div class="wide" role="region" aria-label="${caption}" tabindex="0"><table${isSortable && html` class="sortable"`}>
<caption${!isCaptionShown && html` class="unseen"`}>${caption}</caption>
<thead><tr>${columns.map(({ name }, index) => html`<th scope="col" class="${look(index)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => html`<tr>${cells.map((cell, index) => cellOf(cell, index, look(index)))}</tr>\n`)}</tbody></table></div>`;
}

function cellOf(cell: Cell, index: number, look: string): Html {
  const isPlain = typeof cell !== "object" || cell === null || !("by" in cell);
  const by = isPlain ? undefined : html` data-by="${cell.by ?? -1}"`;
  const content = isPlain ? cell : cell.shown;
  return index === 0
    ? html`<th scope="row"${by}>${content}</th>`
    : html`<td class="${look}"${by}>${content}</td>`;
}
