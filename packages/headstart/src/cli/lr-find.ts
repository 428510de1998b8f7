import type { Command } from "commander";
import type { FoundLearningRate, LearningRateOptions } from "../run/index.js";
import { CACHE_SETTINGS, example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { positiveNumber, wholeNumber } from "./numbers.js";
import {
  deviceOption,
  jsonOption,
  NETWORK_HELP,
  networkOptions,
  seedOption,
  threadsOption,
} from "./options.js";
import { ProgressDisplay } from "./progress.js";
import {
  FINE_TUNE_HELP,
  recipeOptions,
  splitOption,
  type WithRecipeArguments,
  withRecipe,
} from "./recipe-options.js";
import type { Terminal } from "./terminal.js";
import { printable, shownPath } from "./text.js";

interface LearningRateArguments
  extends WithRecipeArguments<Omit<LearningRateOptions, "signal" | "onProgress">> {
  readonly json?: boolean;
}

/** `headstart lr-find`. */
export function addLrFind(program: Command, terminal: Terminal): void {
  const command = program
    .command("lr-find")
    .summary("look for a learning rate")
    .description(
      "Trains for a few steps at rising learning rates, draws loss against learning rate, and suggests one. What was trained is thrown away.",
    )
    .argument("<photos>", "photos, as for train")
    .option("--lowest <x>", "the first learning rate (default: 1e-7)", positiveNumber)
    .option("--highest <x>", "the last learning rate (default: 10)", positiveNumber)
    .option("--steps <n>", "how many are tried, one a step (default: 100)", wholeNumber(10, 10_000))
    .option("--out <file>", "the picture, a PNG (default: lr-find.png)")
    .addOption(splitOption())
    .addOption(seedOption("what everything random is drawn from (default: 0)"))
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `${FINE_TUNE_HELP}\n${NETWORK_HELP}\n${CACHE_SETTINGS}\n${example("headstart lr-find photos --fine-tune all")}`,
    )
    .action(async (photos: string, { json = false, ...choices }: LearningRateArguments) => {
      const display = await ProgressDisplay.open(terminal, json ? "silent" : undefined);
      try {
        const found = await withInterrupt(terminal, async (signal) => {
          const { findLearningRate } = await import("../run/index.js");
          return await findLearningRate(photos, {
            ...withRecipe(choices),
            signal,
            onProgress: (progress) => {
              if (progress.kind === "progress") display.show(progress);
              else if (progress.kind === "note") display.say(printable(progress.message));
            },
          });
        });
        display.close();
        if (json) terminal.printJson(found);
        else printFound(terminal, found);
      } finally {
        display.close();
      }
    });
  for (const option of [...recipeOptions(), ...networkOptions()]) command.addOption(option);
}

function printFound(
  terminal: Terminal,
  { suggestion, basis, steepest, recipeRate, points, out }: FoundLearningRate,
): void {
  const { bold, cyan } = terminal.colours;
  const rate = (value: number) => String(Number(value.toPrecision(2)));
  if (suggestion === null)
    terminal.print(
      "No learning rate can be suggested: the loss neither falls beyond its noise nor runs away.",
    );
  else {
    const why =
      basis === "valley"
        ? "in the middle of the longest fall of the loss"
        : "a tenth of the rate at which the loss turns round: it starts as low as it gets";
    terminal.print(`suggestion  ${bold(rate(suggestion))}, ${why}`);
  }
  if (steepest !== null) terminal.print(`steepest    ${rate(steepest)}, where the loss falls fastest`);
  terminal.print(`recipe      ${rate(recipeRate)}`);
  terminal.print(`picture     ${printable(shownPath(out))}, ${points.length} steps`);
  if (suggestion !== null)
    terminal.print(`next        ${cyan(`headstart train PHOTOS --learning-rate ${rate(suggestion)}`)}`);
}
