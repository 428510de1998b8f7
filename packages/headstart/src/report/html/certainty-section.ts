import { drawChart } from "./chart.js";
import type { CurvePoint, ReportData, SplitReport } from "./data.js";
import { intervalOf, percent, SPLIT_TITLES, SPLIT_WORDS } from "./format.js";
import { mainSplit, splitsInOrder } from "./groups.js";
import { type Html, html } from "./html.js";
import { fittedOn } from "./measures-section.js";
import { table } from "./table.js";

type Certain = SplitReport & { readonly certainty: NonNullable<SplitReport["certainty"]> };

/** The section of doubt: what it costs to answer only what is sure, which promises are made, and whether they are kept. */
export function certaintySection(data: ReportData): Html {
  const main = data.splits.find(({ split }) => split === mainSplit(data));
  const curve = main?.curves?.riskCoverage ?? [];
  const certain = splitsInOrder(data).flatMap((split) =>
    data.splits.flatMap((one): Certain[] =>
      one.split === split && one.certainty !== null ? [{ ...one, certainty: one.certainty }] : [],
    ),
  );
  return html`<section id="certainty" aria-labelledby="certainty-h"><h2 id="certainty-h">When to answer “I don’t know”</h2>
<p class="lead">A classifier that may pass over the photos it is not sure of is wrong less often in the others. With each answer, the model says whether it is confident, which classes the photo may be of, and whether the photo is unlike those that it was trained on.</p>
${main !== undefined && curve.length > 0 && riskCoverage(main, curve)}
${certain.length === 0 ? html`<p>The model makes no promises of its certainty: there were too few photos to learn it from.</p>` : promises(data, certain)}</section>`;
}

function riskCoverage({ split }: SplitReport, curve: readonly CurvePoint[]): Html {
  const all = curve.at(-1)?.[1] ?? 0;
  return html`<div class="charts">${drawChart({
    id: "risk-coverage",
    title: "Wrong answers",
    description: `Share of wrong answers when only the surest ${SPLIT_WORDS[split]} photos are answered.`,
    unit: "photos answered, the surest first, in per cent",
    places: curve.map(([coverage]) => coverage * 100),
    span: [0, 100],
    range: [0, 0.01],
    format: (value) => `${Number((value * 100).toFixed(2))} %`,
    lines: [
      { name: "share that is wrong", look: "first", values: curve.map(([, risk]) => risk) },
      { name: "when all are answered", look: "second", values: curve.map(() => all) },
    ],
  })}</div>`;
}

function promises(data: ReportData, splits: readonly Certain[]): Html {
  const [first] = splits;
  const { calibration } = data;
  const titles = splits.map(({ split }) => SPLIT_TITLES[split]);
  return html`<h3>Confident answers</h3>
<p>Ask for an accuracy, and answers count as confident from the probability on that promises it${calibration !== undefined && ` (with 95 % confidence, learnt from ${fittedOn(calibration)})`}. Measured, with intervals at 95 %${
    splits.some(({ split }) => split === calibration?.fittedOn) &&
    `; on the ${calibration?.fittedOn} photos they look a little too good, for these are what was learnt from`
  }:</p>
${table(
  [
    { name: "Accuracy asked for" },
    { name: "Confident from", isNumber: true },
    ...titles.flatMap((title) => [
      { name: `${title}: answered`, isNumber: true },
      { name: "right of these", isNumber: true },
    ]),
  ],
  first?.certainty.thresholds.map(({ asked, threshold }, row) => [
    percent(asked),
    threshold === null ? "cannot be promised" : percent(threshold),
    ...splits.flatMap(({ certainty: { thresholds } }) => {
      const one = thresholds[row];
      return one === undefined || threshold === null
        ? ["–", "–"]
        : [
            percent(one.coverage),
            html`<b>${percent(one.accuracy)}</b><small>${intervalOf({ interval: one.accuracyInterval, kind: "share" })}</small>`,
          ];
    }),
  ]) ?? [],
  { caption: "Accuracy of confident answers" },
)}
<h3>Sets of classes</h3>
<p>Instead of one class, the model can name as many as it takes for the true one to be among them as often as asked, the coverage. The surer it is, the fewer these are.</p>
${table(
  [
    { name: "Coverage asked for" },
    ...titles.flatMap((title) => [
      { name: `${title}: holds it`, isNumber: true },
      { name: "classes, on average", isNumber: true },
    ]),
  ],
  first?.certainty.sets.map(({ asked }, row) => [
    percent(asked),
    ...splits.flatMap(({ certainty: { sets } }) => {
      const one = sets[row];
      return one === undefined
        ? ["–", "–"]
        : [
            html`<b>${percent(one.covered)}</b><small>${intervalOf({ interval: one.coveredInterval, kind: "share" })}</small>`,
            one.meanSize?.toFixed(2) ?? "–",
          ];
    }),
  ]) ?? [],
  { caption: "How often sets of classes hold the true one" },
)}
${splits.some(({ certainty }) => certainty.unlike !== null) && unlike(splits)}`;
}

function unlike(splits: readonly Certain[]): Html {
  return html`<h3>Unlike the training photos</h3>
<p>A photo counts as unlike when it is farther from the training photos than 99 in 100 of them are from one another; its answer is never confident. Of photos of the same kind, about one in a hundred is.</p>
<ul>${splits.map(
    ({ split, certainty }) =>
      certainty.unlike !== null && html`<li>${SPLIT_TITLES[split]} photos: ${percent(certainty.unlike)}</li>`,
  )}</ul>`;
}
