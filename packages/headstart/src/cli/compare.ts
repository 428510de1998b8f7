import type { Command } from "commander";
import type { SplitMetrics } from "../evaluation/index.js";
import type { Comparison, PairOfRuns } from "../run/compare.js";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { figure, percent, percentRange, printable, shorten, table, whole } from "./text.js";

/** `headstart compare`. */
export function addCompare(program: Command, terminal: Terminal): void {
  program
    .command("compare")
    .summary("compare runs, and test whether they differ")
    .description(
      "Compares finished runs: their figures, what was chosen differently, and McNemar's test of every two on the photos that both have: the test photos, or the validation photos where they share none.",
    )
    .argument("<runs...>", "folders of at least two runs")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart compare runs/1 runs/2"))
    .action(async (folders: string[], { json = false }: { readonly json?: boolean }) => {
      const { compareRuns } = await import("../run/compare.js");
      const comparison = await compareRuns(folders);
      if (json) terminal.printJson(comparison);
      else printComparison(terminal, comparison);
    });
}

function printComparison(terminal: Terminal, { runs, differences, pairs, split, notes }: Comparison): void {
  const names = namesOf(runs);
  const { bold, dim } = terminal.colours;
  const print = ([head = "", ...lines]: readonly string[]) => {
    terminal.print(dim(head));
    for (const line of lines) terminal.print(line);
    terminal.print();
  };
  const figures = (metrics: SplitMetrics) =>
    metrics.photos === 0
      ? ["-", "", "-"]
      : [percent(metrics.accuracy), percentRange(metrics.accuracyInterval), figure(metrics.loss)];
  print(
    table(
      ["run", "validation", "95 % interval", "loss", "test", "95 % interval", "loss"],
      runs.map(({ metrics }, index) => [
        names[index] ?? "",
        ...figures(metrics.validation),
        ...figures(metrics.test),
      ]),
    ),
  );
  if (differences.length === 0) terminal.print("All was chosen alike.\n");
  else
    print(
      table(
        ["chosen differently", ...names],
        differences.map(({ choice, values }) => [choice, ...values.map(shownValue)]),
        () => false,
      ),
    );
  if (split !== undefined) {
    print(
      table(
        [`${split} photos`, "both have", "only first right", "only second right", "exact p", "mid-p"],
        pairs.map(({ first, second, photos, onlyFirst, onlySecond, exact, midP }) => [
          `${names[first]} and ${names[second]}`,
          whole(photos),
          whole(onlyFirst),
          whole(onlySecond),
          shownP(exact),
          shownP(midP),
        ]),
      ),
    );
    for (const pair of pairs) terminal.print(verdict(pair, names, bold));
  }
  for (const note of notes) terminal.warn(printable(note));
}

/** What a test comes to, in a sentence. */
function verdict(
  { first, second, difference, interval, midP }: PairOfRuns,
  names: readonly string[],
  bold: (text: string) => string,
): string {
  const points = (value: number) => `${value > 0 ? "+" : ""}${(value * 100).toFixed(1)}`;
  const change = `${points(difference)} points (95 % interval ${points(interval[0])} to ${points(interval[1])})`;
  const better = difference > 0 ? second : first;
  const said =
    midP < 0.05
      ? bold(`${names[better]} is better; chance alone would rarely do this`)
      : "these photos do not show a difference";
  return `${names[first]} to ${names[second]}: ${change}: ${said}`;
}

/** The runs' names, or where two are called the same, how they were given. */
function namesOf(runs: Comparison["runs"]): string[] {
  const isUnique = new Set(runs.map(({ name }) => name)).size === runs.length;
  return runs.map(({ name, run }) => shorten(printable(isUnique ? name : run), 30));
}

function shownP(value: number): string {
  return value < 0.0001 ? "< 0.0001" : value.toFixed(4);
}

function shownValue(value: unknown): string {
  if (value === undefined || value === null) return "-";
  return shorten(printable(typeof value === "string" ? value : JSON.stringify(value)), 40);
}
