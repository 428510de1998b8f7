import { HeadstartError } from "../errors.js";
import { COLOURS } from "./colours.js";
import { drawPanel, PANEL_HEAD, PANEL_HEIGHT, PANEL_WIDTH, type Panel, type Series } from "./panel.js";
import { renderPng } from "./render.js";
import { text } from "./svg.js";
import { shorten } from "./text-width.js";
import { niceTicks } from "./ticks.js";

/** What one epoch left behind. */
export interface CurvePoint {
  /** The epoch's number; epochs are in rising order. */
  epoch: number;
  /** Mean loss over the training photos. */
  loss: number;
  /** Share of training photos answered right, from 0 to 1; null when not measured. */
  accuracy: number | null;
  /** Mean loss over the validation photos; null when there are none. */
  validationLoss: number | null;
  /** Share of validation photos answered right, from 0 to 1; null when there are none. */
  validationAccuracy: number | null;
  /** The stage's number; a change of it is drawn. */
  stage?: number;
  /** The image size of the epoch in pixels; written at its stage. */
  imageSize?: number;
}

/** How curves are drawn. */
export interface CurvesOptions {
  /** The epoch whose weights were kept; it is marked. None is when not given. */
  best?: number;
  /** A line above the panels; none when not given. */
  title?: string;
}

const WIDTH = 1240;
const MARGIN = 24;
const TITLE_HEIGHT = 40;
const AXIS_WIDTH = 60;
const FOOT_HEIGHT = 50;

/**
 * Draws how training went: loss on the left, accuracy on the right, each for the training and the validation photos. The epoch that was
 * kept has a ring; where a stage begins there is a dashed line, with the image size beside it. One epoch is enough, and validation may
 * be missing.
 *
 * @param history - the epochs in their order, at least one
 * @returns a PNG, 1240 pixels wide
 * @throws HeadstartError `INVALID_OPTION` for an empty history
 */
export async function drawCurves(
  history: readonly CurvePoint[],
  options: CurvesOptions = {},
): Promise<Buffer> {
  if (history.length === 0) {
    throw new HeadstartError("INVALID_OPTION", "There is no epoch to draw.", "Train for at least one epoch.");
  }
  const { best, title } = options;
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT) + PANEL_HEAD;
  const loss = [
    trainingSeries(history.map((point) => point.loss)),
    validationSeries(history.map((point) => point.validationLoss)),
  ];
  const accuracy = [
    trainingSeries(history.map((point) => point.accuracy)),
    validationSeries(history.map((point) => point.validationAccuracy)),
  ];
  const left = MARGIN + AXIS_WIDTH;
  const panels: Panel[] = [
    { title: "Loss", left, top, series: loss, ticks: lossTicks(loss), format: String },
    {
      title: "Accuracy",
      left: WIDTH - MARGIN - PANEL_WIDTH,
      top,
      series: accuracy,
      ticks: accuracyTicks(accuracy),
      format: (value) => `${Number((value * 100).toFixed(3))}\u00a0%`,
    },
  ];
  const parts = panels.flatMap((panel) => drawPanel(panel, history, best));
  if (title !== undefined) {
    const shortened = shorten(title, WIDTH - 2 * MARGIN, 20, true);
    parts.push(text(MARGIN, MARGIN + 18, shortened, { size: 20, bold: true }));
  }
  return renderPng(WIDTH, top + PANEL_HEIGHT + FOOT_HEIGHT + MARGIN - 8, parts);
}

function trainingSeries(values: (number | null)[]): Series {
  return { name: "training", colour: COLOURS.blue, thickness: 2, square: false, values: values.map(finite) };
}

function validationSeries(values: (number | null)[]): Series {
  return {
    name: "validation",
    colour: COLOURS.orange,
    thickness: 2.5,
    square: true,
    values: values.map(finite),
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function valuesOf(series: readonly Series[]): number[] {
  return series.flatMap(({ values }) => values.filter((value) => value !== null));
}

function lossTicks(series: readonly Series[]): number[] {
  const values = valuesOf(series);
  return niceTicks(Math.min(0, ...values), Math.max(0, ...values), 6);
}

function accuracyTicks(series: readonly Series[]): number[] {
  const values = valuesOf(series);
  const lowest = Math.min(0.98, ...values);
  return niceTicks(Math.max(0, lowest), 1, 6);
}
