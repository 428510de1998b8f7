import type { SplitMetrics } from "../evaluation/index.js";
import type { Evaluation } from "../run/index.js";
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
  const { photos, accuracy, accuracyInterval, top5, loss } = metrics;
  const right = Math.round((accuracy ?? 0) * photos);
  const which = split === undefined ? "" : `${split} `;
  terminal.print(`${whole(photos)} ${which}photos in ${printable(shownPath(source))}`);
  for (const { name, reason } of skipped) terminal.warn(printable(`${name} is skipped: ${reason}`));
  terminal.print();
  terminal.print(
    `accuracy  ${bold(percent(accuracy))}  (${whole(right)} of ${whole(photos)}; 95 % interval ${percentRange(accuracyInterval)})`,
  );
  if (names.length > 5) terminal.print(`top-5     ${percent(top5)}`);
  terminal.print(`loss      ${figure(loss)}`);
  const perClass = metrics.perClass.map((one, index) => [
    names[index] ?? "",
    whole(one.photos),
    percent(one.recall),
    percent(one.precision),
    percent(one.f1),
  ]);
  const print = ([headings = "", ...lines]: readonly string[]) => {
    terminal.print();
    terminal.print(dim(headings));
    for (const line of lines) terminal.print(line);
  };
  print(table(["class", "photos", "recall", "precision", "F1"], perClass));
  const matrix = table(
    ["true \\ predicted", ...names],
    metrics.confusion.map((row, index) => [names[index] ?? "", ...row.map(whole)]),
  );
  if (width(matrix[0] ?? "") <= terminal.width) print(matrix);
  else printConfusions(metrics, names, print, terminal);
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
