import type { Command } from "commander";
import type { Progress } from "../run/index.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { jsonOption } from "./options.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import { bytes, printable, shownPath } from "./text.js";

interface ReportArguments {
  readonly out?: string;
  readonly check: boolean;
  readonly json?: boolean;
}

/** `headstart report`. */
export function addReport(program: Command, terminal: Terminal): void {
  program
    .command("report")
    .summary("write the report of a run")
    .description(
      "Writes the report of a finished run, whose photos are checked where that has not been done: one HTML file with its data, figures, curves, confusion matrix and photos, which loads nothing from the network. Beside it stands README.md, a model card for the Hugging Face hub.",
    )
    .argument("<run>", "a run's folder")
    .option("--out <file>", "where the report goes (default: report.html in the run's folder)")
    .option("--no-check", "say nothing of the photos' health")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart report runs/1", "headstart report runs/1 --out site/index.html"))
    .action(async (run: string, { out, check: isChecked, json = false }: ReportArguments) => {
      const display = await ProgressDisplay.open(
        terminal,
        json ? (terminal.isInteractive ? "lines" : "silent") : undefined,
      );
      const onProgress = (progress: Progress) => {
        if (progress.kind === "progress") display.show(progress);
        else if (progress.kind === "note") terminal.warn(printable(progress.message));
      };
      try {
        const written = await withInterrupt(terminal, async (signal) => {
          const { report } = await import("../run/report.js");
          return await report(run, {
            ...(out !== undefined && { out }),
            check: isChecked,
            signal,
            onProgress,
          });
        });
        display.close();
        if (json) terminal.printJson(written);
        else {
          terminal.print(`report  ${printable(shownPath(written.report))} (${bytes(written.bytes)})`);
          terminal.print(`card    ${printable(shownPath(written.card))}`);
        }
      } finally {
        display.close();
      }
    });
}
