import { SPLITS } from "../../data/index.js";
import type { ReportData, ReportFinding } from "./data.js";
import { counted, own, percent, SPLIT_TITLES, sureness, whole } from "./format.js";
import { type Html, html } from "./html.js";
import { PICTURES_OF_ITEM, type Pictures, SHOWN_ITEMS } from "./pictures.js";
import { table } from "./table.js";

/** Files, photos of a finding and so on that are listed; of more, a line says how many. */
const MOST_LISTED = 200;

/** The section of the data: how many photos, which files were not used, what is odd. */
export function dataSection(data: ReportData, pictures: Pictures): Html {
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
${findings !== undefined && html`<h3>Health</h3>${findings.length === 0 ? html`<p>The check of the photos found nothing.</p>` : html`${leaks(data)}${findings.map((one) => finding(one, pictures))}`}`}
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

/** What photos that show the same as training photos do to the accuracy. */
function leaks({ data: { leaks: found = [] } }: ReportData): Html | undefined {
  if (found.length === 0) return undefined;
  return html`<p>Photos that show what a training photo shows say nothing about new ones. Without them:</p>
${table(
  [
    { name: "Split" },
    { name: "Photos seen in training", isNumber: true },
    { name: "Accuracy", isNumber: true },
    { name: "Accuracy without them", isNumber: true },
  ],
  found.map(({ split, leaked, accuracy, without }) => [
    SPLIT_TITLES[split],
    whole(leaked),
    percent(accuracy),
    percent(without),
  ]),
  { caption: "Accuracy without photos that show what training photos show" },
)}`;
}

function finding({ severity, title, items }: ReportFinding, pictures: Pictures): Html {
  const [advice, ...others] = new Set(items.map((item) => item.advice));
  const isAlike = others.length === 0;
  const listed = (some: ReportFinding["items"], shown: Pictures | undefined) =>
    html`<ul class="items">${some.map((item) => itemOf(item, !isAlike, shown))}</ul>`;
  const folded = items.slice(SHOWN_ITEMS, MOST_LISTED);
  const more = items.length - MOST_LISTED;
  return html`<article class="finding ${severity}"><h4><span class="badge">${severity}</span> ${title.charAt(0).toUpperCase() + title.slice(1)} <span class="faint">${whole(items.length)}</span></h4>
${isAlike && html`<p>${advice}</p>`}
${listed(items.slice(0, SHOWN_ITEMS), pictures)}
${folded.length > 0 && html`<details><summary>${whole(folded.length)} more</summary>${listed(folded, undefined)}</details>`}
${more > 0 && html`<p class="faint">And ${whole(more)} more: <code>headstart check --json</code> lists them all.</p>`}</article>`;
}

/** One thing that was found: how sure it is, and its photos, with their pictures where there are some. */
function itemOf(
  { sentence, confidence, photos, advice }: ReportFinding["items"][number],
  isAdvised: boolean,
  pictures: Pictures | undefined,
): Html {
  const shown = photos.slice(0, PICTURES_OF_ITEM).flatMap((name) => pictures?.named(name) ?? []);
  return html`<li>${shown.length > 0 && html`<span class="strip">${shown}</span>`}<bdi>${sentence}</bdi>${confidence < 0.995 && html` <small>${sureness(confidence)} sure</small>`}${isAdvised && html`<small class="next">${advice}</small>`}</li>\n`;
}

function list(items: readonly Html[], file: string): Html {
  const more = items.length - MOST_LISTED;
  return html`<ul class="names">${items.slice(0, MOST_LISTED).map((item) => html`<li>${item}</li>`)}</ul>
${more > 0 && html`<p>And ${whole(more)} more: ${file} has them all.</p>`}`;
}
