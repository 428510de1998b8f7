import { drawChart } from "./chart.js";
import type { ReportData, SplitReport } from "./data.js";
import { intervalOf, measured, percent, SPLIT_TITLES, whole } from "./format.js";
import { mainSplit } from "./groups.js";
import { type Html, html } from "./html.js";
import { table } from "./table.js";

const PURPOSES = {
  train: "always too high: the classifier has learnt from these photos",
  validation: "close to the truth, until choices have been made by it",
  test: "what to expect of new photos of the same kind",
} as const;

/** The section of the measures: each with its interval, for every split. */
export function measuresSection(data: ReportData): Html {
  const { splits } = data;
  const names = splits[0]?.measures ?? [];
  const main = splits.find(({ split }) => split === mainSplit(data));
  return html`<section id="measures" aria-labelledby="measures-h"><h2 id="measures-h">Measures</h2>
<p class="lead">Below each figure stands its interval at 95 %: how far chance may have moved it, given how many photos were counted.</p>
${table(
  [
    { name: "Measure" },
    ...splits.map(({ split, photos }) => ({
      name: `${SPLIT_TITLES[split]}, ${whole(photos)} ${photos === 1 ? "photo" : "photos"}`,
      isNumber: true,
    })),
  ],
  names.map((measure, row) => [
    html`${measure.name}<small>${measure.meaning}</small>`,
    ...splits.map(({ measures }) => {
      const one = measures[row];
      if (one === undefined) return "–";
      return html`<b>${measured(one)}</b><small>${intervalOf(one)}</small>`;
    }),
  ]),
  { caption: "Measures of each split with their intervals at 95 %" },
)}
<ul class="purposes">${splits.map(({ split }) => html`<li><b>${SPLIT_TITLES[split]}</b>: ${PURPOSES[split]}.</li>`)}</ul>
${main?.reliability !== undefined && main.reliability.length > 1 && reliability(main, main.reliability)}</section>`;
}

function reliability({ split }: SplitReport, bins: NonNullable<SplitReport["reliability"]>): Html {
  return html`<h3>Is it as sure as it should be?</h3>
<p>Of the ${split} photos answered with about the same probability, the share that is right. A classifier that knows itself is right in as many of its answers as it says: the dots lie on the line, or their intervals cross it.</p>
<div class="charts">${drawChart({
    id: "reliability",
    title: "Reliability",
    description: `Share of right ${split} answers by their probability.`,
    unit: "probability in per cent",
    places: bins.map(({ confidence }) => confidence * 100),
    span: [0, 100],
    range: [0, 1],
    format: (value) => `${Math.round(value * 100)} %`,
    lines: [
      {
        name: "share that is right, with its 95 % interval",
        look: "first",
        values: bins.map(({ accuracy }) => accuracy),
        whiskers: bins.map(({ interval }) => interval),
      },
      { name: "as it should be", look: "second", values: bins.map(({ confidence }) => confidence) },
    ],
  })}
${table(
  [
    { name: "Mean probability", isNumber: false },
    { name: "Right", isNumber: true },
    { name: "Photos", isNumber: true },
  ],
  bins.map((bin) => [percent(bin.confidence), percent(bin.accuracy), whole(bin.photos)]),
  { caption: "Share of right answers by their probability" },
)}</div>`;
}
