import { SPLITS } from "../../data/index.js";
import type { ReportData, ReportFinding } from "./data.js";
import { counted, own, whole } from "./format.js";
import { type Html, html } from "./html.js";
import { table } from "./table.js";

/** Files, photos of a finding and so on that are listed; of more, a line says how many. */
const MOST_LISTED = 200;
const MOST_OF_FINDING = 12;

/** The section of the data: how many photos, which files were not used, what is odd. */
export function dataSection(data: ReportData): Html {
  const { counts, skipped, truncated, warnings, findings, fingerprint } = data.data;
  const sum = (split: (typeof SPLITS)[number]) => counts.reduce((total, one) => total + one[split], 0);
  const rows = data.classes.map((name, label) => {
    const own_ = counts[label];
    const numbers = SPLITS.map((split) => own_?.[split] ?? 0);
    const all = numbers.reduce((total, value) => total + value, 0);
    return [
      html`<a href="#class-${label}">${own(name)}</a>`,
      ...[...numbers, all].map((value) => ({ shown: whole(value), by: value })),
    ];
  });
  const columns = ["Class", "Training", "Validation", "Test", "All"];
  const totals = SPLITS.map(sum);
  return html`<section id="data" aria-labelledby="data-h"><h2 id="data-h">Data</h2>
<p class="lead">${counted(
    totals.reduce((a, b) => a + b, 0),
    "photo",
  )} of ${counted(data.classes.length, "class", "classes")}: ${whole(totals[0] ?? 0)} to train on, ${whole(totals[1] ?? 0)} to validate with, ${whole(totals[2] ?? 0)} to test with.</p>
${table(
  columns.map((name, index) => ({ name, isNumber: index > 0 })),
  rows,
  { caption: "Photos of each class in each split", isSortable: rows.length > 2 },
)}
${warnings.length > 0 && html`<h3>What is odd</h3><ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}
${findings !== undefined && html`<h3>Health</h3>${findings.length === 0 ? html`<p>The check of the photos found nothing.</p>` : findings.map(finding)}`}
<h3>Files that were not used</h3>
${
  skipped.length === 0
    ? html`<p>None: every file was used.</p>`
    : list(
        skipped.map(({ name, reason }) => html`${own(name)}: ${reason}`),
        "data.json",
      )
}
${
  truncated.length > 0 &&
  html`<h3>Cut off or damaged</h3><p>Used as far as they go.</p>${list(
    truncated.map((name) => own(name)),
    "data.json",
  )}`
}
<p class="faint">Fingerprint of the photos: <code>${fingerprint}</code></p></section>`;
}

function finding({ severity, title, detail, advice, photos }: ReportFinding): Html {
  const shown = photos.slice(0, MOST_OF_FINDING);
  const more = photos.length - shown.length;
  return html`<article class="finding ${severity}"><h4><span class="badge">${severity}</span> ${own(title)}</h4><p>${detail}</p>
${shown.length > 0 && html`<ul class="names">${shown.map((name) => html`<li>${own(name)}</li>`)}${more > 0 && html`<li>and ${whole(more)} more</li>`}</ul>`}
${advice !== "" && html`<p><b>What to do:</b> ${advice}</p>`}</article>`;
}

function list(items: readonly Html[], file: string): Html {
  const more = items.length - MOST_LISTED;
  return html`<ul class="names">${items.slice(0, MOST_LISTED).map((item) => html`<li>${item}</li>`)}</ul>
${more > 0 && html`<p>And ${whole(more)} more: ${file} has them all.</p>`}`;
}
