import type { Command } from "commander";
import type { Progress } from "../run/index.js";
import { example } from "./context.js";
import { printEvaluation } from "./evaluation-text.js";
import { withInterrupt } from "./interrupt.js";
import { deviceOption, jsonOption, NETWORK_HELP, threadsOption } from "./options.js";
import { classifierOptions, type PretrainedArguments, pretrainedOptions } from "./pretrained.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";

interface EvaluateArguments extends PretrainedArguments {
  readonly json?: boolean;
}

/** `headstart evaluate`. */
export function addEvaluate(program: Command, terminal: Terminal): void {
  const command = program
    .command("evaluate")
    .summary("measure a classifier on labelled photos")
    .description(
      "Measures a classifier on labelled photos: accuracy, top-5, loss, figures of each class, confusion. Of a folder with splits the test photos are taken; without any, the validation photos.",
    )
    .argument("<model>", "a run's folder, a model.onnx, or a pretrained classifier, see below")
    .argument(
      "<photos>",
      "a folder with a folder for each class, the same inside split folders, or a CSV manifest path,label[,split]",
    )
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText("after", `${NETWORK_HELP}\n${example("headstart evaluate runs/1 photos/test")}`)
    .action(async (model: string, photos: string, { json = false, ...choices }: EvaluateArguments) => {
      const display = await ProgressDisplay.open(
        terminal,
        json ? (terminal.isInteractive ? "lines" : "silent") : undefined,
      );
      const onProgress = (progress: Progress) => {
        if (progress.kind === "progress") display.show(progress);
      };
      try {
        const evaluation = await withInterrupt(terminal, async (signal) => {
          const { evaluateClassifier } = await import("../run/index.js");
          const options = await classifierOptions(choices, signal);
          return await evaluateClassifier(model, photos, { ...options, signal, onProgress });
        });
        display.close();
        if (json) terminal.printJson({ model, photos, ...evaluation });
        else await printEvaluation(terminal, photos, evaluation);
      } finally {
        display.close();
      }
    });
  for (const option of pretrainedOptions()) command.addOption(option);
}
