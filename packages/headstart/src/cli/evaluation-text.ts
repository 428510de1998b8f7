import type { CertaintyMetrics, Figure, SplitMetrics } from "../evaluation/index.js";
import type { Evaluation, MeasuredSplit } from "../run/index.js";
import type { Terminal } from "./terminal.js";
import { figure, percent, percentRange, printable, shorten, shownPath, table, whole, width } from "./text.js";

/** The most confusions that are listed where the matrix is too wide to print. */
const MOST_CONFUSIONS = 15;

/** Prints what a classifier has been measured at. */
export async function printEvaluation(
  terminal: Terminal,
  source: string,
  { split, metrics, skipped }: Evaluation,
): Promise<void> {
  const { displayNames } = await import("../data/index.js");
  const { bold, dim } = terminal.colours;
  const names = displayNames(metrics.perClass.map(({ className }) => className)).map((name) =>
    shorten(printable(name), 40),
  );
  const { photos, accuracy, accuracyInterval } = metrics;
  const right = Math.round((accuracy ?? 0) * photos);
  const which = split === undefined ? "" : `${split} `;
  terminal.print(`${whole(photos)} ${which}photos in ${printable(shownPath(source))}`);
  for (const { name, reason } of skipped) terminal.warn(printable(`${name} is skipped: ${reason}`));
  terminal.print();
  terminal.print(
    `accuracy  ${bold(percent(accuracy))}  (${whole(right)} of ${whole(photos)}; 95 % interval ${percentRange(accuracyInterval)})`,
  );
  const print = ([headings = "", ...lines]: readonly string[]) => {
    terminal.print();
    terminal.print(dim(headings));
    for (const line of lines) terminal.print(line);
  };
  print(table(["", "value", "95 % interval"], figuresOf(metrics)));
  const { certainty } = metrics;
  for (const lines of certainty === null ? [] : certaintyTables(certainty)) print(lines);
  if (certainty !== null && certainty.unlike !== null) {
    terminal.print();
    terminal.print(`${percent(certainty.unlike)} of the photos are unlike the training photos`);
  }
  const perClass = metrics.perClass.map((one, index) => [
    names[index] ?? "",
    whole(one.photos),
    percent(one.recall),
    percent(one.precision),
    percent(one.f1),
  ]);
  print(table(["class", "photos", "recall", "precision", "F1"], perClass));
  const matrix = table(
    ["true \\ predicted", ...names],
    metrics.confusion.map((row, index) => [names[index] ?? "", ...row.map(whole)]),
  );
  if (width(matrix[0] ?? "") <= terminal.width) print(matrix);
  else printConfusions(metrics, names, print, terminal);
}

/** A row for each figure of a whole split. */
function figuresOf(metrics: MeasuredSplit): string[][] {
  const { perClass, top5, top5Interval, loss, lossInterval } = metrics;
  const share = (name: string, { value, interval }: Figure) => [name, percent(value), percentRange(interval)];
  const number = (name: string, { value, interval }: Figure) => [
    name,
    figure(value),
    interval === null ? "-" : `${figure(interval[0])} to ${figure(interval[1])}`,
  ];
  return [
    ...(perClass.length > 5 ? [share("top-5 accuracy", { value: top5, interval: top5Interval })] : []),
    share("balanced accuracy", metrics.balancedAccuracy),
    share("macro precision", metrics.precision),
    share("macro F1", metrics.f1),
    number("area under ROC", metrics.rocArea),
    number("average precision", metrics.averagePrecision),
    number("loss", { value: loss, interval: lossInterval }),
    number("Brier score", metrics.brier),
    number("calibration error", metrics.calibrationError),
  ];
}

/** What the model promises of its certainty, and what came of it. */
function certaintyTables({ thresholds, sets }: CertaintyMetrics): string[][] {
  return [
    table(
      ["accuracy asked for", "answered", "right", "95 % interval"],
      thresholds.map(({ asked, threshold, coverage, accuracy, accuracyInterval }) => [
        percent(asked),
        threshold === null ? "not promised" : percent(coverage),
        percent(accuracy),
        percentRange(accuracyInterval),
      ]),
    ),
    table(
      ["coverage asked for", "sets right", "95 % interval", "classes a set"],
      sets.map(({ asked, covered, coveredInterval, meanSize }) => [
        percent(asked),
        percent(covered),
        percentRange(coveredInterval),
        meanSize?.toFixed(2) ?? "-",
      ]),
    ),
  ];
}

function printConfusions(
  { confusion }: SplitMetrics,
  names: readonly string[],
  print: (lines: readonly string[]) => void,
  terminal: Terminal,
): void {
  const confusions = confusion
    .flatMap((row, truth) => row.map((photos, predicted) => ({ photos, truth, predicted })))
    .filter(({ photos, truth, predicted }) => photos > 0 && truth !== predicted)
    .sort((a, b) => b.photos - a.photos);
  if (confusions.length === 0) {
    terminal.print();
    terminal.print("No photo was taken for another class.");
    return;
  }
  const shown = confusions.slice(0, MOST_CONFUSIONS);
  print(
    table(
      ["largest confusions: true", "predicted", "photos"],
      shown.map(({ photos, truth, predicted }) => [
        names[truth] ?? "",
        names[predicted] ?? "",
        whole(photos),
      ]),
      (column) => column === 2,
    ),
  );
  const more = confusions.length - shown.length;
  if (more > 0) terminal.print(`and ${whole(more)} more, with at most ${shown.at(-1)?.photos} each`);
}
