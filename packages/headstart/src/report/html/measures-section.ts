import { drawChart } from "./chart.js";
import type { ReportData, SplitReport } from "./data.js";
import { counted, intervalOf, measured, percent, SPLIT_TITLES, SPLIT_WORDS, whole } from "./format.js";
import { splitsInOrder } from "./groups.js";
import { type Html, html } from "./html.js";
import { table } from "./table.js";

const PURPOSES = {
  train: "always too high: the classifier has learnt from these photos",
  validation: "close to the truth, until choices have been made by it",
  test: "what to expect of new photos of the same kind",
} as const;

/** The section of the measures: each with its interval, for every split. */
export function measuresSection(data: ReportData): Html {
  const splits = splitsInOrder(data).flatMap((name) => data.splits.filter(({ split }) => split === name));
  const [main] = splits;
  const names = main?.measures ?? [];
  return html`<section id="measures" aria-labelledby="measures-h"><h2 id="measures-h">Measures</h2>
<p class="lead">Below each figure stands its interval at 95 %: how far chance may have moved it, given how many photos were counted.</p>
${table(
  [
    { name: "Measure" },
    ...splits.map(({ split, photos }) => ({
      name: `${SPLIT_TITLES[split]}, ${counted(photos, "photo")}`,
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
${main !== undefined && reliability(data, main)}</section>`;
}

/** Whether probabilities can be believed: what was done for it, what came of it. */
function reliability(data: ReportData, main: SplitReport): Html | undefined {
  const bins = main.reliability.flatMap(({ photos, confidence, accuracy }, index) =>
    confidence === null || accuracy === null
      ? []
      : [{ photos, confidence, accuracy, band: main.calibrated?.bins[index] ?? null }],
  );
  if (bins.length === 0) return undefined;
  return html`<h3>Is it as sure as it should be?</h3>
<p>${temperature(data)}</p>
<p>${verdict(main)}</p>
<div class="charts">${drawChart({
    id: "reliability",
    title: "Reliability",
    description: `Share of right ${SPLIT_WORDS[main.split]} answers by their probability.`,
    unit: "probability in per cent",
    places: bins.map(({ confidence }) => confidence * 100),
    span: [0, 100],
    range: [0, 1],
    format: (value) => `${Math.round(value * 100)} %`,
    lines: [
      {
        name: "share that is right, and where chance would put it",
        look: "first",
        values: bins.map(({ accuracy }) => accuracy),
        whiskers: bins.map(({ band }) => band),
      },
      { name: "as it should be", look: "second", values: bins.map(({ confidence }) => confidence) },
    ],
  })}
${table(
  [
    { name: "Mean probability" },
    { name: "Right", isNumber: true },
    { name: "If it were exact", isNumber: true },
    { name: "Photos", isNumber: true },
  ],
  bins.map(({ confidence, accuracy, band, photos }) => [
    percent(confidence),
    percent(accuracy),
    band === null ? "–" : intervalOf({ interval: band, kind: "share" }),
    whole(photos),
  ]),
  { caption: "Share of right answers by their probability" },
)}</div>`;
}

/** What photos a model's temperature and thresholds were fitted on. */
export function fittedOn({ photos, fittedOn: kind }: NonNullable<ReportData["calibration"]>): string {
  switch (kind) {
    case "train":
      return `${counted(photos, "training photo")}, each answered by a head that was trained without it`;
    case "validation":
      return counted(photos, "validation photo");
    case "other":
      return counted(photos, "other photo");
  }
}

function temperature({ calibration }: ReportData): string {
  if (calibration === undefined)
    return "The probabilities are those that training led to: no temperature was fitted.";
  const { temperature: value } = calibration;
  const effect =
    value > 1
      ? "which makes answers less sure"
      : value < 1
        ? "which makes answers surer"
        : "which changes nothing";
  return `The scores are divided by a temperature of ${value.toFixed(3)} before they become probabilities, ${effect}. It was fitted on ${fittedOn(calibration)}.`;
}

/** What the calibration error says, beside what it would be if the probabilities were exact. */
function verdict({ split, calibrationError: { value }, calibrated, reliability: bins }: SplitReport): string {
  if (value === null || calibrated === null) return "";
  const [low, high] = calibrated.interval;
  const exact = `Were all probabilities exactly right, chance would still make the calibration error of so many photos ${low.toFixed(4)} to ${high.toFixed(4)}.`;
  if (value <= high)
    return `${exact} That of the ${SPLIT_WORDS[split]} photos, ${value.toFixed(4)}, is not above it: they say nothing against the probabilities.`;
  const gap = bins.reduce(
    (sum, { photos, confidence, accuracy }) => sum + photos * ((confidence ?? 0) - (accuracy ?? 0)),
    0,
  );
  return `${exact} That of the ${SPLIT_WORDS[split]} photos is ${value.toFixed(4)}: on the whole the classifier is ${gap > 0 ? "surer" : "less sure"} than it should be.`;
}
