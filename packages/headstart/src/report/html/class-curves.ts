import { drawChart } from "./chart.js";
import type { CurvePoint, ReportData, SplitReport } from "./data.js";
import { SPLIT_WORDS } from "./format.js";
import { type Html, html } from "./html.js";

/** The ROC and the precision-recall curve of a class; nothing where neither is known. */
export function drawClassCurves(
  data: ReportData,
  { split, curves }: SplitReport,
  label: number,
): Html | undefined {
  const { roc, precisionRecall } = curves?.perClass[label] ?? { roc: null, precisionRecall: null };
  if (roc === null && precisionRecall === null) return undefined;
  const name = data.classes[label] ?? "";
  const charts = [
    roc !== null &&
      draw(roc, {
        id: `roc-${label}`,
        title: "ROC",
        description: `ROC curve of ${name}, ${SPLIT_WORDS[split]} photos.`,
        unit: "other photos taken for it, in per cent",
        name: "its photos found",
      }),
    precisionRecall !== null &&
      draw(precisionRecall, {
        id: `precision-recall-${label}`,
        title: "Precision and recall",
        description: `Precision of ${name} by its recall, ${SPLIT_WORDS[split]} photos.`,
        unit: "its photos found, in per cent",
        name: "precision",
      }),
  ];
  return html`<details><summary>ROC and precision-recall curves</summary><div class="charts small">${charts}</div></details>`;
}

interface Said {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly name: string;
}

function draw(curve: readonly CurvePoint[], { name, ...said }: Said): Html {
  return drawChart({
    ...said,
    shape: "small",
    places: curve.map(([x]) => x * 100),
    span: [0, 100],
    range: [0, 1],
    format: (value) => `${Math.round(value * 100)} %`,
    lines: [{ name, look: "first", values: curve.map(([, y]) => y) }],
  });
}
