import { drawChart } from "./chart.js";
import type { ReportData } from "./data.js";
import { percent, whole } from "./format.js";
import { type Html, html } from "./html.js";
import { table } from "./table.js";

/** The section of how training went: curves, and their figures as a table. */
export function trainingSection(data: ReportData): Html {
  const { unit, epochs, learningRates, kept } = data.training;
  const places = epochs.map(({ epoch }) => epoch);
  const keptOne = epochs.find(({ epoch }) => epoch === kept);
  const marked = keptOne?.epoch ?? null;
  const hasValidation = epochs.some(({ validationLoss }) => validationLoss !== null);
  const last = epochs.at(-1);
  const said = kept === 0 ? undefined : (keptOne ?? last);
  const story = (figure: string) =>
    `${figure} over ${whole(epochs.length)} ${unit}s${hasValidation ? ", for training and validation photos" : ", for the training photos"}.`;
  const charts = [
    drawChart({
      id: "loss",
      title: "Loss",
      description: story("Loss"),
      unit,
      places,
      marked,
      format: (value) => String(value),
      lines: [
        { name: "training", look: "first", values: epochs.map(({ loss }) => loss) },
        ...(hasValidation
          ? [
              {
                name: "validation",
                look: "second",
                values: epochs.map(({ validationLoss }) => validationLoss),
              } as const,
            ]
          : []),
      ],
    }),
    drawChart({
      id: "accuracy",
      title: "Accuracy",
      description: story("Accuracy"),
      unit,
      places,
      marked,
      range: [1, 1],
      format: (value) => `${Number((value * 100).toFixed(3))} %`,
      lines: [
        { name: "training", look: "first", values: epochs.map(({ accuracy }) => accuracy) },
        ...(hasValidation
          ? [
              {
                name: "validation",
                look: "second",
                values: epochs.map(({ validationAccuracy }) => validationAccuracy),
              } as const,
            ]
          : []),
      ],
    }),
  ];
  if (learningRates.length > 1)
    charts.push(
      drawChart({
        id: "rate",
        title: "Learning rate",
        description: `Learning rate of each of ${whole(learningRates.length)} steps.`,
        unit: "step",
        places: learningRates.map((_, index) => index + 1),
        format: (value) => String(value),
        lines: [{ name: "learning rate", look: "first", values: learningRates }],
      }),
    );
  return html`<section id="training" aria-labelledby="training-h"><h2 id="training-h">Training</h2>
${
  epochs.length === 0
    ? html`<p>Nothing is known of how training went.</p>`
    : html`<p class="lead">${whole(epochs.length)} ${epochs.length === 1 ? unit : `${unit}s`}. ${
        kept === 0 &&
        `Kept are the weights from before the first ${unit}: none was better on the validation photos.`
      }${
        said !== undefined &&
        html`${keptOne === undefined ? `Kept is the last one: it` : `Kept is ${unit} ${keptOne.epoch}, the best on the validation photos: it`} has a training loss of ${said.loss.toFixed(4)}${
          said.validationLoss !== null &&
          html` and, on the validation photos, a loss of ${said.validationLoss.toFixed(4)} and an accuracy of ${percent(said.validationAccuracy)}`
        }.`
      }</p>
<div class="charts">${charts}</div>
<details><summary>The figures of each ${unit}</summary>${epochTable(data)}</details>`
}</section>`;
}

function epochTable({ training: { unit, epochs } }: ReportData): Html {
  const columns = [unit, "image size", "loss", "accuracy", "validation loss", "validation accuracy"];
  return table(
    columns.map((name, index) => ({ name, isNumber: index > 0 })),
    epochs.map((row) => [
      row.epoch,
      row.imageSize,
      row.loss.toFixed(4),
      percent(row.accuracy),
      row.validationLoss?.toFixed(4) ?? "–",
      percent(row.validationAccuracy),
    ]),
    { caption: `Loss and accuracy of each ${unit}` },
  );
}
