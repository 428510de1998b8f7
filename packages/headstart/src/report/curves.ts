import { HeadstartError } from "../errors.js";
import { COLOURS } from "./colours.js";
import { drawPanel, PANEL_HEAD, type Panel, type Series } from "./panel.js";
import { renderPng } from "./render.js";
import { bulk, drawable, type StepLine, type StepPoint, stepLines } from "./steps.js";
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
  /**
   * The single steps, in order: drawn as thin lines behind those of the epochs, and their learning rate in a panel of its own. None
   * when not given.
   */
  steps?: readonly StepPoint[];
}

const WIDTH = 1240;
const MARGIN = 24;
const TITLE_HEIGHT = 40;
const AXIS_WIDTH = 60;
const FOOT_HEIGHT = 50;
const PANEL_WIDTH = 516;
const PANEL_HEIGHT = 320;
const RATE_HEIGHT = 140;

/**
 * Draws how training went: loss on the left, accuracy on the right, each for the training and the validation photos. The epoch that was
 * kept has a ring; where a stage begins there is a dashed line, with the image size beside it. One epoch is enough, and validation may
 * be missing. What is not finite is a gap.
 *
 * With `steps`, thin lines behind show each step's batch and, from 51 steps on, their smoothed course: a debiased exponential mean over
 * a fiftieth of the steps, at least ten. The axes hold the epochs and all but the outermost 2 % of the steps; what lies beyond is drawn
 * at the edge. Below, over the whole width, stands the learning rate of each step, on a linear axis: that is how one knows a cosine or
 * one-cycle by its shape.
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
  const { best, title, steps = [] } = options;
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT) + PANEL_HEAD;
  const loss = [
    trainingSeries(history.map((point) => point.loss)),
    validationSeries(history.map((point) => point.validationLoss)),
  ];
  const accuracy = [
    trainingSeries(history.map((point) => point.accuracy)),
    validationSeries(history.map((point) => point.validationAccuracy)),
  ];
  const lossSteps = stepLines(steps, (point) => point.loss);
  const accuracySteps = stepLines(steps, (point) => point.accuracy);
  const left = MARGIN + AXIS_WIDTH;
  const span = spanOf(history, steps);
  const size = { top, width: PANEL_WIDTH, height: PANEL_HEIGHT, span };
  const panels: Panel[] = [
    {
      ...size,
      title: "Loss",
      left,
      series: loss,
      steps: lossSteps,
      ticks: lossTicks(valuesOf(loss, lossSteps)),
      format: String,
    },
    {
      ...size,
      title: "Accuracy",
      left: WIDTH - MARGIN - PANEL_WIDTH,
      series: accuracy,
      steps: accuracySteps,
      ticks: accuracyTicks(valuesOf(accuracy, accuracySteps)),
      format: (value) => `${Number((value * 100).toFixed(3))}\u00a0%`,
    },
  ];
  const rates = steps.map(({ learningRate }) => learningRate);
  let bottom = top + PANEL_HEIGHT;
  if (rates.some(drawable)) {
    const below = bottom + FOOT_HEIGHT + PANEL_HEAD;
    panels.push(ratePanel(steps, rates, below, span));
    bottom = below + RATE_HEIGHT;
  }
  const parts = panels.flatMap((panel) => drawPanel(panel, history, best));
  if (title !== undefined) {
    const shortened = shorten(title, WIDTH - 2 * MARGIN, 20, true);
    parts.push(text(MARGIN, MARGIN + 18, shortened, { size: 20, bold: true }));
  }
  return renderPng(WIDTH, bottom + FOOT_HEIGHT + MARGIN - 8, parts);
}

/** The first and the last epoch that are shown. An epoch's values stand where it ends; its steps begin an epoch further left. */
function spanOf(history: readonly CurvePoint[], steps: readonly StepPoint[]): readonly [number, number] {
  const first = history[0]?.epoch ?? 0;
  const last = history.at(-1)?.epoch ?? first;
  const [begin, end] = [steps[0]?.epoch, steps.at(-1)?.epoch];
  return begin === undefined || end === undefined
    ? [first, last]
    : [Math.min(first, Math.ceil(begin) - 1), Math.max(last, end)];
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

function valuesOf(series: readonly Series[], steps: readonly StepLine[]): number[] {
  return [...series.flatMap(({ values }) => values.filter(drawable)), ...bulk(steps)];
}

function lossTicks(values: readonly number[]): number[] {
  return niceTicks(Math.min(0, ...values), Math.max(0, ...values), 6);
}

function accuracyTicks(values: readonly number[]): number[] {
  const lowest = Math.min(0.98, ...values);
  return niceTicks(Math.max(0, lowest), 1, 6);
}

function ratePanel(
  steps: readonly StepPoint[],
  rates: readonly (number | null)[],
  top: number,
  span: readonly [number, number],
): Panel {
  const left = MARGIN + AXIS_WIDTH;
  const epochs = steps.map(({ epoch }) => epoch);
  const highest = rates.filter(drawable).reduce((most, rate) => Math.max(most, rate), 0);
  return {
    title: "Learning rate",
    left,
    top,
    width: WIDTH - MARGIN - left,
    height: RATE_HEIGHT,
    series: [],
    span,
    steps: [{ name: "learning rate", colour: COLOURS.blue, thickness: 2, epochs, values: rates }],
    ticks: niceTicks(0, highest, 3),
    format: String,
  };
}
