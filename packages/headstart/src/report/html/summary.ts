import { SPLITS } from "../../data/index.js";
import type { Fact, ReportData, ReportLeak } from "./data.js";
import { counted, intervalOf, measured, own, percent, SPLIT_WORDS, whole } from "./format.js";
import { mainSplit } from "./groups.js";
import { type Html, html } from "./html.js";

/** The head of the page: what it is, how good it is, and what was chosen. */
export function summarySection(data: ReportData): Html {
  const main = mainSplit(data);
  const split = data.splits.find((one) => one.split === main);
  const [accuracy] = split?.measures ?? [];
  const photos = data.data.counts.reduce(
    (sum, counts) => sum + SPLITS.reduce((of, name) => of + counts[name], 0),
    0,
  );
  const trained = data.data.counts.reduce((sum, { train }) => sum + train, 0);
  const right = Math.round((accuracy?.value ?? 0) * (split?.photos ?? 0));
  return html`<section id="summary" aria-labelledby="summary-h">
<p class="eyebrow">Headstart report</p>
<h1 id="summary-h">${own(data.name)}</h1>
<p class="lead">A classifier of ${counted(data.classes.length, "class", "classes")}, trained on ${counted(trained, "photo")} of the folder ${own(data.source)}. ${
    split !== undefined &&
    accuracy !== undefined &&
    html`It answers ${whole(right)} of ${counted(split.photos, `${SPLIT_WORDS[main]} photo`)} right.`
  }</p>
<div class="tiles">
${split?.measures
  .slice(0, 3)
  .map((measure) =>
    tile(
      html`${measure.name} <span>${SPLIT_WORDS[main]}</span>`,
      measured(measure),
      intervalOf(measure) === "" ? measure.meaning : `95 % interval ${intervalOf(measure)}`,
    ),
  )}
${tile("Photos", whole(photos), SPLITS.map((name) => `${whole(total(data, name))} ${name}`).join(", "))}
</div>
${data.data.leaks?.map(leak)}
${main === "train" && html`<p class="warning">All photos were trained on. What is measured here is how well they fit, not how good the classifier is.</p>`}
<h2 class="small">What was trained, and how</h2>
${facts(data.choices)}</section>`;
}

/** A list of facts. */
export function facts(list: readonly Fact[]): Html {
  return html`<dl class="facts">${list.map(
    ({ name, value, note }) =>
      html`<div><dt>${name}</dt><dd>${own(value)}${note !== undefined && html` <small>${note}</small>`}</dd></div>\n`,
  )}</dl>`;
}

/** What photos that were seen in training do to a figure. */
function leak({ split, leaked, accuracy, without }: ReportLeak): Html {
  const clean =
    without === null
      ? "no others are left"
      : `without them accuracy is ${percent(without)}, not ${percent(accuracy)}`;
  return html`<p class="warning"><b>The ${SPLIT_WORDS[split]} figures are too good:</b> ${counted(leaked, `${SPLIT_WORDS[split]} photo`)} ${leaked === 1 ? "shows" : "show"} what a training photo shows, and ${clean}. <a href="#data">See the data</a>.</p>`;
}

function tile(name: Html | string, value: string, note: string): Html {
  return html`<div class="tile"><p class="tile-name">${name}</p><p class="tile-value">${value}</p><p class="tile-note">${note}</p></div>`;
}

function total(data: ReportData, split: (typeof SPLITS)[number]): number {
  return data.data.counts.reduce((sum, counts) => sum + counts[split], 0);
}
