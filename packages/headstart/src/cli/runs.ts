import { type Command, Option } from "commander";
import type { ListedRun, RunFigures, RunOrder } from "../run/runs.js";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { bytes, figure, percent, percentRange, printable, shorten, shownPath, table } from "./text.js";

/** As the library has them, which is loaded only when it is needed. */
const ORDERS: readonly RunOrder[] = ["name", "accuracy", "validation", "loss", "size"];

interface RunsArguments {
  readonly sort: RunOrder;
  readonly out: string;
  readonly json?: boolean;
}

/** `headstart runs`. */
export function addRuns(program: Command, terminal: Terminal): void {
  program
    .command("runs")
    .summary("list the runs")
    .description(
      "Lists the runs in a folder with what they were trained by and what was measured. accuracy and loss are those of the test photos, or of the validation photos where there are none; the best comes first.",
    )
    .addOption(new Option("--sort <by>", "what comes first").choices(ORDERS).default("name"))
    .option("--out <folder>", "the folder that runs stand in", "runs")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart runs --sort accuracy"))
    .action(async ({ sort, out, json = false }: RunsArguments) => {
      const { listRuns } = await import("../run/runs.js");
      const runs = await listRuns(out, sort);
      if (json) terminal.printJson({ out, runs });
      else printRuns(terminal, out, runs);
    });
}

function printRuns(terminal: Terminal, out: string, runs: readonly ListedRun[]): void {
  if (runs.length === 0) {
    terminal.print(`There are no runs in ${printable(shownPath(out))}.`);
    return;
  }
  const accuracy = (figures: RunFigures | null) =>
    figures === null || figures.photos === 0
      ? ["-", ""]
      : [percent(figures.accuracy), percentRange(figures.accuracyInterval)];
  const rows = runs.map((run) => [
    shorten(printable(run.name), 30),
    shorten(printable(run.recipe), 24),
    shorten(printable(run.backbone), 32),
    shorten(printable(run.fineTune), 20),
    ...accuracy(run.validation),
    ...accuracy(run.test),
    figure((run.test?.photos ? run.test : run.validation)?.loss ?? null),
    run.bytes === null ? "-" : bytes(run.bytes),
    run.isFinished ? "" : "not finished",
  ]);
  const [head = "", ...lines] = table(
    [
      "run",
      "recipe",
      "backbone",
      "trains",
      "validation",
      "95 % interval",
      "test",
      "95 % interval",
      "loss",
      "model",
      "",
    ],
    rows,
    (column) => column > 3 && column < 10,
  );
  terminal.print(terminal.colours.dim(head));
  for (const [index, line] of lines.entries())
    terminal.print(runs[index]?.isFinished ? line : terminal.colours.yellow(line));
}
